"""First in the pipeline: takes the language off the front of a text and normalises the rest."""

from __future__ import annotations

from typing import Any, Dict, List, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from components.labels import LANGUAGES
from components.normalise import normalise

LANGUAGE = "language"
RAW_TEXT = "raw_text"


def split_text(text: str) -> tuple[str | None, str]:
    """Split `ht|bonjou` into (`ht`, `bonjou`); the language is None when it is empty or not one of ours."""
    head, bar, rest = text.partition("|")
    if bar and head in LANGUAGES:
        return head, rest
    return None, rest if bar and not head else text


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class LanguageSplitter(GraphComponent):
    """Sets `text` to the normalised text, `language` and `raw_text` beside it."""

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],  # noqa: ARG003
        model_storage: ModelStorage,  # noqa: ARG003
        resource: Resource,  # noqa: ARG003
        execution_context: ExecutionContext,  # noqa: ARG003
    ) -> LanguageSplitter:
        """Nothing to set."""
        return cls()

    def process(self, messages: List[Message]) -> List[Message]:
        """Split and normalise each message in place."""
        for message in messages:
            language, raw = split_text(message.get(TEXT) or "")
            message.set(RAW_TEXT, raw)
            message.set(LANGUAGE, language, add_to_output=True)
            message.set(TEXT, normalise(raw, language), add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """The same for the training examples."""
        self.process(training_data.training_examples)
        return training_data

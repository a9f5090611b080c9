"""Last in the pipeline: what is asked for, and is somebody harmed, from one linear model with two heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from components import second_look, vocabulary
from components.labels import WRITER
from components.reader import Example, Options, Reader
from components.splitter import LANGUAGE, RAW_TEXT


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TwoHeadClassifier(GraphComponent):
    """Rasa's face of `components.reader.Reader`."""

    def __init__(
        self, options: Options, storage: ModelStorage, resource: Resource, reader: Reader | None = None
    ) -> None:
        """`reader` is None until trained."""
        self._options = options
        self._storage = storage
        self._resource = resource
        self._reader = reader

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """The settings that `config.yml` may change, with their values otherwise."""
        return dict(vars(Options()))

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003
    ) -> TwoHeadClassifier:
        """An untrained classifier."""
        return cls(_options(config), model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003
        **_: Any,
    ) -> TwoHeadClassifier:
        """The classifier that `train` stored."""
        options = _options(config)
        with model_storage.read_from(resource) as folder:
            return cls(options, model_storage, resource, Reader.load(Path(folder), options))

    def train(self, training_data: TrainingData) -> Resource:
        """Train on the intent examples and store the model."""
        examples = [
            Example(message.get(RAW_TEXT), message.get(LANGUAGE), message.get(INTENT), message.get(WRITER) or "")
            for message in training_data.intent_examples
        ]
        self._reader = Reader.fit(examples, self._options)
        self._reader.vocabularies = vocabulary.shipped()
        self._reader.second_look = second_look.shipped()
        with self._storage.write_to(self._resource) as folder:
            self._reader.save(Path(folder))
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        """Set intent, need, concern, the rankings, the version of the model and whether it weighs meanings on each
        message."""
        if self._reader is None:
            return messages
        for message in messages:
            read = self._reader.read(message.get(TEXT) or "", message.get(LANGUAGE), message.get(RAW_TEXT))
            read |= {"model": self._reader.version, "meaning": self._reader.weighs_meaning}
            for name, value in read.items():
                message.set(name, value, add_to_output=True)
        return messages


def _options(config: Dict[Text, Any]) -> Options:
    return Options(**{name: config[name] for name in vars(Options())})

"""Reads `data/<language>/*.yml` and puts the folder's language in front of each example, as the service does."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Text

from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.importers.utils import training_data_from_paths
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.training_data import TrainingData

from components.labels import LANGUAGES, WRITER, writer_of


class LanguageFolders(RasaFileImporter):
    """Rasa's file importer; the name of a file's folder is the language of its examples."""

    def get_nlu_data(self, language: Optional[Text] = "en") -> TrainingData:
        """All examples as `<language>|<text>`. Raises ValueError for a folder that is no language of ours."""
        parts = []
        for path in sorted(self._nlu_files):
            folder = Path(path).parent.name
            if folder not in LANGUAGES:
                raise ValueError(f"{path}: its folder must be one of {', '.join(LANGUAGES)}")
            found = training_data_from_paths([path], language or folder)
            for message in found.training_examples:
                message.set(TEXT, f"{folder}|{message.get(TEXT)}")
                message.set(WRITER, writer_of(Path(path)))
            parts.append(found)
        return TrainingData().merge(*parts)  # at once: each merge copies all that was merged before

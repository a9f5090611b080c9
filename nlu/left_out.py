"""Lets Rasa start without TensorFlow and the libraries of its chat channels when the model needs none of them.

Rasa 3.6 imports them all wherever one might be needed: 350 MB and two thirds of the start time for a model that
never calls them. `leave_out()` puts empty stand-ins in their place, before Rasa is imported. A stand-in may be
named in a class or a type hint; to call one raises `RuntimeError`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

TENSORFLOW = ("tensorflow", "tensorflow_addons", "keras")
CHANNELS = ("aiogram", "mattermostwrapper", "rocketchat_API", "slack_sdk", "twilio", "webexteamssdk")
STORES = ("boto3", "botocore", "pymongo")
DRAWING = ("matplotlib", "mpl_toolkits", "questionary", "prompt_toolkit")
LEFT_OUT = TENSORFLOW + CHANNELS + STORES + DRAWING


class _Absent(type):
    """A class whose attributes are such classes: enough for `class X(tf.keras.Model)` and `tf.Tensor` hints."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _absent(name)

    def __call__(cls, *_: Any, **__: Any) -> Any:
        raise RuntimeError("this library was left out of the process: see nlu/left_out.py")


def _absent(name: str) -> Any:
    return _Absent(name, (), {})


class _Module(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _absent(name)


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if fullname.split(".", maxsplit=1)[0] in LEFT_OUT:
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__path__ = []


def leave_out() -> None:
    """Stand in for the libraries above. Raises RuntimeError when Rasa is already imported."""
    if "rasa" in sys.modules:
        raise RuntimeError("leave_out() comes before the first import of Rasa")
    sys.meta_path.insert(0, _Finder())

"""The forms of an artifact: what a recipe can end in."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pytest_modelbudget.frozen import Frozen

Form = Literal["the .tflite", "the SavedModel", "the .keras file"]
"""What a recipe can end in."""

SUFFIXES: Mapping[Form, str] = MappingProxyType(
    {"the .tflite": ".tflite", "the SavedModel": ".saved_model", "the .keras file": ".keras"}
)
"""How the name of each ends; a SavedModel is a folder."""

SAVED_MODEL_GRAPH = "saved_model.pb"
"""The file that makes a folder a SavedModel."""


class Part(Frozen):
    """A part of an artifact that is a SavedModel or a ``.keras`` file: what it is, its bytes."""

    name: str
    size_bytes: int

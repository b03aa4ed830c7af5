"""The Keras layers of the operators in a converted model, by the names of its tensors.

The converter names a tensor ``model/layer/Operation``; where it fused operators, it joins their
names with ``;``.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from ai_edge_litert.tools.flatbuffer_utils import ModelT, OperatorT, SubGraphT

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.protocol.build_jobs import KERAS_LAYERS
from pytest_modelbudget.workers.tflite.tflite_file import (
    is_constant,
    operator_name,
    operators,
    tensor_name,
)


class KerasLayers(Frozen):
    """The layers of the Keras model that a ``.tflite`` was converted from.

    Attributes:
        keras_3: Whether it is a model of Keras 3, not of tf_keras.
        classes: The class of each layer, by the layer's name.
    """

    keras_3: bool
    classes: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write the layers to a file in ``folder``, beside the ``.tflite``."""
        (folder / KERAS_LAYERS).write_text(self.model_dump_json())

    @classmethod
    def read(cls, folder: Path) -> "KerasLayers | None":
        """Return the layers that ``write`` wrote to ``folder``; None if there is no such file."""
        path = folder / KERAS_LAYERS
        return cls.model_validate_json(path.read_bytes()) if path.exists() else None

    def find(self, scope: str) -> str | None:
        """Return the layer of a name scope in TensorFlow's graph, or None.

        The scope of a layer's second call is numbered. Keras 3 opens two scopes for each call,
        so every scope is numbered: ``dense_1`` always belongs to the layer ``dense``.
        """
        unnumbered = re.sub(r"_\d+$", "", scope)
        candidates = (unnumbered,) if self.keras_3 else (scope, unnumbered)
        return next((name for name in candidates if name in self.scopes), None)

    @cached_property
    def scopes(self) -> frozenset[str]:
        """All parts of names: quantization-aware training names a nested layer ``outer/inner``."""
        return frozenset(part for name in self.classes for part in name.split("/"))


@dataclass(frozen=True)
class LayerOperator:
    """An operator of a ``.tflite`` and the layers that it computes.

    Attributes:
        name: Such as ``CONV_2D``.
        outputs: The names of its output tensors.
        layers: The names of its layers: several if the converter fused them.
        classes: The classes of ``layers``, where they are known.
        paths: The layers that its outputs and constants are named after, ``outer/inner`` in nested
            models. Layers that only its other inputs are named after are left out.
    """

    name: str
    outputs: tuple[str, ...]
    layers: tuple[str, ...]
    classes: tuple[str, ...]
    paths: tuple[str, ...]

    def matches(self, pattern: str) -> bool:
        """Tell whether ``pattern`` is the class of a layer, or a glob that matches its name."""
        return pattern in self.classes or any(fnmatchcase(name, pattern) for name in self.layers)


def find_operators(model: ModelT, known: KerasLayers | None) -> list[LayerOperator]:
    """Return the operators of all subgraphs in order, with the layers that they compute.

    Args:
        model: The flatbuffer.
        known: The layers of the Keras model; if None, every name scope counts as a layer.
    """
    classes = known.classes if known else {}
    find = known.find if known else str
    found = []
    for operator, graph in operators(model):
        outputs = tuple(tensor_name(graph.tensors[index]) for index in operator.outputs or ())
        constants, variables = _input_names(model, graph, operator)
        own = (*outputs, *constants)
        # An output of the graph is not named after a layer; its weights or inputs are.
        layers = _first(_layers(name, find) for name in (*own, *variables))
        found.append(
            LayerOperator(
                operator_name(model, operator),
                outputs,
                layers,
                tuple(classes[name] for name in layers if name in classes),
                _first(_paths(name, find) for name in own),
            )
        )
    return found


def select(found: Iterable[LayerOperator], pattern: str) -> list[LayerOperator]:
    """Return the operators of the layers that match a layer class or a glob over names.

    Raises:
        JobError: if no layer matches.
    """
    selected = [operator for operator in found if operator.matches(pattern)]
    if not selected:
        layers = dict.fromkeys(layer for operator in found for layer in operator.layers)
        listed = ", ".join(layers) or "not named"
        raise JobError(f"no layer matches {pattern!r}", f"the layers are {listed}")
    return selected


def _input_names(
    model: ModelT, graph: SubGraphT, operator: OperatorT
) -> tuple[list[str], list[str]]:
    """Return the names of the constant inputs of an operator, and of the others."""
    names: tuple[list[str], list[str]] = ([], [])
    for tensor in (graph.tensors[index] for index in operator.inputs or () if index >= 0):
        names[not is_constant(model, tensor)].append(tensor_name(tensor))
    return names


def _first(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return next(filter(None, names), ())


def _paths(tensor_name: str, find: Callable[[str], str | None]) -> tuple[str, ...]:
    paths = ("/".join(_layers(part, find)) for part in tensor_name.split(";"))
    return tuple(dict.fromkeys(filter(None, paths)))


def _layers(tensor_name: str, find: Callable[[str], str | None]) -> tuple[str, ...]:
    scopes = [scope for part in tensor_name.split(";") for scope in part.split("/")[:-1]]
    return tuple(dict.fromkeys(name for scope in scopes if (name := find(scope))))

"""Finds the Keras layers again in a converted model, by the names of its tensors.

The converter names a tensor ``model/layer/Operation``, several joined by ``;`` where it fused
operators.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from ai_edge_litert.tools import flatbuffer_utils

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.frozen import Frozen

_FILE = "keras_layers.json"


class KerasLayers(Frozen):
    """The layers of the Keras model that a ``.tflite`` was made of: the class of each name."""

    keras_3: bool
    classes: dict[str, str]

    def write(self, folder: Path) -> None:
        """Keep it beside the ``.tflite`` in ``folder``."""
        (folder / _FILE).write_text(self.model_dump_json())

    @classmethod
    def read(cls, folder: Path) -> "KerasLayers | None":
        """Return what ``write`` kept in ``folder``; None if its model was no Keras model."""
        path = folder / _FILE
        return cls.model_validate_json(path.read_bytes()) if path.exists() else None

    def find(self, scope: str) -> str | None:
        """Return the layer that a name scope of TensorFlow's graph is of, or None.

        A layer's second call has a numbered scope. Keras 3 opens two scopes for each call,
        so that all are numbered, and ``dense_1`` is always of the layer ``dense``.
        """
        unnumbered = re.sub(r"_\d+$", "", scope)
        candidates = (unnumbered,) if self.keras_3 else (scope, unnumbered)
        return next((name for name in candidates if name in self.scopes), None)

    @cached_property
    def scopes(self) -> frozenset[str]:
        """All single names: quantization-aware training calls a nested layer ``outer/inner``."""
        return frozenset(part for name in self.classes for part in name.split("/"))


@dataclass(frozen=True)
class LayerOperator:
    """An operator of a graph.

    Attributes:
        name: Its kind, such as ``CONV_2D``.
        outputs: The names of its output tensors.
        layers: The names of the layers that it computes: several if they were fused.
        classes: Their classes, as far as they are known.
        paths: The layers that its own tensors are named after, ``outer/inner`` in nested models;
            those that only its inputs tell do not count.
    """

    name: str
    outputs: tuple[str, ...]
    layers: tuple[str, ...]
    classes: tuple[str, ...]
    paths: tuple[str, ...]

    def matches(self, pattern: str) -> bool:
        """Tell whether a layer class or a glob over layer names means this operator."""
        return pattern in self.classes or any(fnmatchcase(name, pattern) for name in self.layers)


def find_operators(model: bytes, known: KerasLayers | None) -> list[LayerOperator]:
    """List the operators of a ``.tflite`` in order, with the layers they come from.

    Args:
        model: The flatbuffer.
        known: The layers of the Keras model; without it every name scope counts as a layer.
    """
    parsed = flatbuffer_utils.read_model_from_bytearray(model)
    classes = known.classes if known else {}
    find = known.find if known else str
    operators = []
    for graph in parsed.subgraphs:
        for operator in graph.operators:
            readings = (_layers(name, find) for name in _telling(operator, graph, parsed.buffers))
            layers = next(filter(None, readings), ())
            operators.append(
                LayerOperator(
                    flatbuffer_utils.opcode_to_name(parsed, operator.opcodeIndex),
                    tuple(graph.tensors[index].name.decode() for index in operator.outputs),
                    layers,
                    tuple(classes[name] for name in layers if name in classes),
                    next(
                        filter(
                            None,
                            (_paths(name, find) for name in _own(operator, graph, parsed.buffers)),
                        ),
                        (),
                    ),
                )
            )
    return operators


def select(operators: Iterable[LayerOperator], pattern: str) -> list[LayerOperator]:
    """Return the operators that a layer class or name glob means.

    Raises:
        JobError: There are none.
    """
    found = [operator for operator in operators if operator.matches(pattern)]
    if not found:
        layers = dict.fromkeys(layer for operator in operators for layer in operator.layers)
        listed = ", ".join(layers) or "without names"
        raise JobError(f"no layer matches {pattern!r}", f"the layers are {listed}")
    return found


def _telling(operator: Any, graph: Any, buffers: Sequence[Any]) -> Iterator[str]:
    """Yield the tensor names that tell an operator's layer, the best first.

    The outputs of the graph have no layer's name; then the weights tell it, or else the inputs.
    """
    yield from (graph.tensors[index].name.decode() for index in operator.outputs)
    inputs = [graph.tensors[index] for index in operator.inputs if index >= 0]
    inputs.sort(key=lambda tensor: buffers[tensor.buffer].data is None)
    yield from (tensor.name.decode() for tensor in inputs)


def _own(operator: Any, graph: Any, buffers: Sequence[Any]) -> Iterator[str]:
    """Yield the names of the outputs and constants of an operator."""
    yield from (graph.tensors[index].name.decode() for index in operator.outputs)
    for index in operator.inputs:
        if index >= 0 and buffers[graph.tensors[index].buffer].data is not None:
            yield graph.tensors[index].name.decode()


def _paths(tensor_name: str, find: Callable[[str], str | None]) -> tuple[str, ...]:
    paths = ("/".join(_layers(part, find)) for part in tensor_name.split(";"))
    return tuple(dict.fromkeys(filter(None, paths)))


def _layers(tensor_name: str, find: Callable[[str], str | None]) -> tuple[str, ...]:
    scopes = [scope for part in tensor_name.split(";") for scope in part.split("/")[:-1]]
    return tuple(dict.fromkeys(name for scope in scopes if (name := find(scope))))

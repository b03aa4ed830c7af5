"""The weights of a quantized ``.tflite`` that are still float."""

from collections.abc import Iterator, Sequence

from ai_edge_litert.tools.flatbuffer_utils import ModelT, TensorT

from pytest_modelbudget.budgetfile.stages.quantize import Scheme
from pytest_modelbudget.judge.results.quantization import FloatWeights
from pytest_modelbudget.workers.tflite.layers import KerasLayers, LayerOperator, find_operators
from pytest_modelbudget.workers.tflite.tflite_file import (
    is_constant,
    operators,
    tensor_type,
)

_SETS_STATE = {"ASSIGN_VARIABLE", "WHILE"}


def find_float_weights(
    model: ModelT, layers: KerasLayers | None, scheme: Scheme
) -> list[FloatWeights]:
    """Return the layers whose weights are float, the largest first.

    Constants with one axis, such as a bias, do not count: kernels of quantized weights read them
    as float32. What a state starts from does not count either.

    Args:
        model: A ``.tflite``.
        layers: The layers of the Keras model that it was converted from, if it was one.
        scheme: How it was quantized: with ``float16``, float16 is what weights should be.
    """
    sizes: dict[tuple[str, str], int] = {}
    for tensor, reader in _matrices(model, find_operators(model, layers)):
        dtype = tensor_type(tensor)
        if dtype == "float32" or (dtype == "float16" and scheme != "float16"):
            key = _layer(reader, layers), dtype
            sizes[key] = sizes.get(key, 0) + len(model.buffers[tensor.buffer].data)
    weights = [FloatWeights(layer=key[0], dtype=key[1], size_bytes=n) for key, n in sizes.items()]
    return sorted(weights, key=lambda each: -each.size_bytes)


def _layer(operator: LayerOperator, layers: KerasLayers | None) -> str:
    """Return the layer of an operator, or its own name if that is not known."""
    if operator.paths:
        return ", ".join(operator.paths)
    # The converter does not name the operator of an LSTM after the layer.
    classes = layers.classes if layers and operator.name.endswith("LSTM") else {}
    recurrent = [name for name, kind in classes.items() if kind == "LSTM"]
    return recurrent[0] if len(recurrent) == 1 else operator.name


def _matrices(
    model: ModelT, found: Sequence[LayerOperator]
) -> Iterator[tuple[TensorT, LayerOperator]]:
    """Yield each constant of more than one axis once, with the operator that reads it first."""
    seen: set[int] = set()
    for (operator, graph), known in zip(operators(model), found, strict=True):
        if known.name in _SETS_STATE:
            continue
        for tensor in (graph.tensors[index] for index in operator.inputs if index >= 0):
            axes = [size for size in (tensor.shape if tensor.shape is not None else ()) if size > 1]
            if len(axes) > 1 and is_constant(model, tensor) and tensor.buffer not in seen:
                seen.add(tensor.buffer)
                yield tensor, known

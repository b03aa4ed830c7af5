"""Samples for a ``.tflite``, and copies of it that show more of what it computes."""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any, cast

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_litert.tools.flatbuffer_utils import ModelT, OperatorT, SubGraphT

from pytest_modelbudget.workers.tflite.weights import TYPES, operator_name
from pytest_modelbudget.workers.userdata.datasets import Array

Values = dict[int, Array]  # as stored, by the index of the tensor
# What makes differences small or discrete, so that they are looked for before it.
_SQUASHING = {"SOFTMAX", "LOG_SOFTMAX", "LOGISTIC", "TANH", "ARG_MAX", "ARG_MIN"}
_NUMBERS = {"float32", "int8", "uint8", "int16", "int32", "int64", "bool"}
_PASSING = {"DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE", "CAST"}


def sample_inputs(model: ModelT, inputs: Iterable[Mapping[str, Any]], seed: int) -> Values:
    """Make up one sample, the same for the same seed.

    Args:
        model: The flatbuffer.
        inputs: What LiteRT tells about the inputs.
        seed: Another one gives another sample.

    Returns:
        By the index of the tensor: all values that a quantized input can have, for float ones
        those from 0 to 1 or what the model quantizes them to, and for others, which may be the
        numbers of tokens, 0 and 1.
    """
    random = np.random.default_rng(seed)
    return {each["index"]: _values(random, each, model) for each in inputs}


def _values(random: np.random.Generator, details: Mapping[str, Any], model: ModelT) -> Array:
    index, shape, dtype = details["index"], details["shape"], np.dtype(details["dtype"])
    values: Any
    if dtype.kind == "f":
        values = random.uniform(*_range(index, model.subgraphs[0], model), shape)
    elif scale_of(index, model.subgraphs[0]):
        limits = np.iinfo(dtype)
        values = random.integers(limits.min, limits.max, shape, endpoint=True)
    else:
        values = random.integers(0, 2, shape)
    return cast("Array", values.astype(dtype))


def _range(index: int, graph: SubGraphT, model: ModelT) -> tuple[float, float]:
    for operator in graph.operators:
        if operator.inputs[0] == index and operator_name(model, operator) == "QUANTIZE":
            (output,) = operator.outputs
            quantized = graph.tensors[output]
            limits = np.iinfo(TYPES[quantized.type])
            zero, scale = int(quantized.quantization.zeroPoint[0]), scale_of(output, graph)
            return (limits.min - zero) * scale, (limits.max - zero) * scale
    return 0.0, 1.0


def scale_of(index: int, graph: SubGraphT) -> float:
    """Return the real difference of two neighbouring values of a tensor; 0 if it has none."""
    quantization = graph.tensors[index].quantization
    known = quantization is not None and quantization.scale is not None
    return float(quantization.scale[0]) if known else 0.0


def to_real(index: int, stored: Array, graph: SubGraphT) -> Array:
    """Turn the stored numbers of an activation into real ones, float64."""
    scale = scale_of(index, graph)
    values = stored.astype(np.float64)
    return (values - graph.tensors[index].quantization.zeroPoint[0]) * scale if scale else values


def step_of(index: int, model: ModelT) -> float:
    """As ``scale_of`` in the primary graph, also of what a tensor was before DEQUANTIZE."""
    graph = model.subgraphs[0]
    for name, source in _sources(index, graph, model):
        if scale_of(index, graph) or name not in _PASSING:
            break
        index = source
    return scale_of(index, graph)


def add_probes(model: ModelT) -> bool:
    """Let a model also give what its outputs are before softmax and the like.

    Returns:
        Whether there is such an output; the model is changed in place.
    """
    graph = model.subgraphs[0]
    probes = [probe for output in graph.outputs if (probe := _probe(output, graph, model)) >= 0]
    new = sorted({*probes} - {*graph.outputs, *graph.inputs})
    model.signatureDefs = []
    graph.outputs = [*graph.outputs, *new]
    return bool(new)


def take_apart(model: ModelT, values: Values) -> dict[int, int]:
    """Let every operator of the primary graph read inputs of the graph, in place.

    All that operators make becomes an output. What they make of constants alone, such as
    weights that were stored in half precision or sparse, is still read directly.

    Args:
        model: The flatbuffer.
        values: The tensors that are to become inputs, by index; their shapes count.

    Returns:
        The input that stands for each of these tensors, by the index of both.
    """
    graph = model.subgraphs[0]
    model.signatureDefs = []
    stand_ins = {}
    for index, value in values.items():
        stand_in = copy(graph.tensors[index])
        stand_in.buffer, stand_in.shape, stand_in.shapeSignature = 0, [*value.shape], None
        stand_ins[index] = len(graph.tensors)
        graph.tensors.append(stand_in)
    for operator in graph.operators:
        operator.inputs = [stand_ins.get(index, index) for index in operator.inputs]
    graph.inputs = [*stand_ins.values()]
    graph.outputs = [index for operator in graph.operators for index in operator.outputs]
    return stand_ins


def activations(model: ModelT) -> set[int]:
    """Return the tensors of the primary graph that depend on its inputs, and are numbers."""
    graph = model.subgraphs[0]
    found = {*graph.inputs}
    for operator in graph.operators:
        if found.intersection(operator.inputs):
            found.update(operator.outputs)
    return {index for index in found if TYPES[graph.tensors[index].type] in _NUMBERS}


def parse(model: bytes) -> ModelT:
    """Read a flatbuffer that LiteRT has verified."""
    return flatbuffer_utils.read_model_from_bytearray(bytearray(model))


def pack(model: ModelT) -> bytes:
    """Write a flatbuffer; weights may lie outside of it, as the quantizer's do."""
    for buffer in model.buffers:
        if buffer.data is not None:
            buffer.data = np.frombuffer(buffer.data, np.uint8)  # of others each byte is a call
            buffer.offset = buffer.size = 0
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _probe(output: int, graph: SubGraphT, model: ModelT) -> int:
    """Return the tensor before what squashes an output, or -1."""
    probe = -1
    for name, source in _sources(output, graph, model):
        if name in _SQUASHING:
            probe = source
        elif name not in _PASSING:
            break
    return probe


def _sources(index: int, graph: SubGraphT, model: ModelT) -> Iterator[tuple[str, int]]:
    """Go from a tensor to what it was made of: the operator's name, and its first input."""
    makers: dict[int, OperatorT] = {
        output: operator for operator in graph.operators for output in operator.outputs
    }
    while index in makers and len(makers[index].inputs):
        operator = makers[index]
        index = operator.inputs[0]
        yield operator_name(model, operator), index

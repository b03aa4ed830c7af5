"""The weight tensors of a ``.tflite`` as dense numpy arrays."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_litert.tools.flatbuffer_utils import ModelT, SubGraphT, TensorT

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.tflite_file import (
    is_constant,
    operator_name,
    tensor_name,
    tensor_type,
)
from pytest_modelbudget.workers.userdata.datasets import Array

_LSTM = (*range(1, 9), 16)
WEIGHT_INPUTS: Mapping[str, tuple[int, ...]] = {
    "CONV_2D": (1,),
    "DEPTHWISE_CONV_2D": (1,),
    "TRANSPOSE_CONV": (1,),
    "CONV_3D": (1,),
    "CONV_3D_TRANSPOSE": (1,),
    "FULLY_CONNECTED": (1,),
    "BATCH_MATMUL": (0, 1),
    "EMBEDDING_LOOKUP": (1,),
    "GATHER": (0,),
    "SVDF": (1, 2),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (1, 2),
    "LSTM": _LSTM,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _LSTM,
    "BIDIRECTIONAL_SEQUENCE_LSTM": (*_LSTM, *range(18, 26), 33),
}
"""The places of kernels among the inputs of an operator, by its name."""

KERNEL_AXES: Mapping[str, tuple[tuple[int, ...], int]] = {
    "CONV_2D": ((1, 2, 3, 0), 0),
    "DEPTHWISE_CONV_2D": ((1, 2, 3, 0), 3),
    "TRANSPOSE_CONV": ((1, 2, 0, 3), 0),
    "CONV_3D": ((0, 1, 2, 3, 4), 4),
    "CONV_3D_TRANSPOSE": ((0, 1, 2, 3, 4), 3),
    "FULLY_CONNECTED": ((1, 0), 0),
}
"""The axes of LiteRT's kernel in the order of Keras, and the axis with its output channels."""

_NOT_WEIGHTS = {"int32", "int64", "uint32", "uint64", "bool", "string"}
READABLE = {"float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8"}
_BITS = {"int4": 4, "int2": 2}
UNPACKING = {"DENSIFY", "DEQUANTIZE"}
"""The operators that unpack a constant: one in sparse encoding, one of float16."""


@dataclass(frozen=True, eq=False)
class DenseValues:
    """The values of a tensor.

    Attributes:
        values: As stored, but dense; quantized values are not scaled.
        is_zero: Where the real value is 0; of the shape of ``values``.
        channel_axis: The axis along which each channel has its own scale; None if there is at
            most one scale.
    """

    values: Array
    is_zero: Array
    channel_axis: int | None


@dataclass(frozen=True, eq=False)
class Weight(DenseValues):
    """One weight tensor.

    Attributes:
        name: Of the tensor.
        dtype: In the file, such as ``int4``.
        reader: The position, among all operators of the file, of the first operator that reads it.
        slot: Its position among the inputs of that operator.
    """

    name: str
    dtype: str
    reader: int
    slot: int


def most_unique(values: Array, channel_axis: int | None) -> int:
    """Count the unique values of a tensor, or of its channel that has the most."""
    channels = [values] if channel_axis is None else np.moveaxis(values, channel_axis, 0)
    return max(len(np.unique(channel)) for channel in channels)


def read_weights(model: ModelT) -> Iterator[Weight]:
    """Yield the constant kernels and tables of rank 2 or more, never a bias.

    A tensor that several operators, subgraphs or signatures share is yielded once.

    Raises:
        JobError: if a weight has a type that cannot be read.
    """
    seen: set[int] = set()
    places = count()
    for graph in model.subgraphs:
        origin = stored_as(model, graph)
        for operator, place in zip(graph.operators, places, strict=False):
            for slot in WEIGHT_INPUTS.get(operator_name(model, operator), ()):
                index = operator.inputs[slot] if slot < len(operator.inputs) else -1
                tensor = graph.tensors[origin.get(index, index)]
                if index < 0 or not is_constant(model, tensor) or len(tensor.shape or ()) < 2:
                    continue
                if tensor.buffer not in seen and tensor_type(tensor) not in _NOT_WEIGHTS:
                    seen.add(tensor.buffer)
                    dense = read_values(tensor, model.buffers[tensor.buffer].data)
                    name = tensor_name(tensor) or "unnamed"
                    yield Weight(
                        **vars(dense), name=name, dtype=tensor_type(tensor), reader=place, slot=slot
                    )


def stored_as(model: ModelT, graph: SubGraphT) -> dict[int, int]:
    """Map the tensors that operators read to the constants that they are unpacked from."""
    origin: dict[int, int] = {}
    for operator in graph.operators or ():
        if operator_name(model, operator) in UNPACKING:
            source = operator.inputs[0]
            origin[operator.outputs[0]] = origin.get(source, source)
    return origin


def is_readable(tensor: TensorT) -> bool:
    """Tell whether the values of a tensor are numbers that ``read_values`` can read."""
    return tensor_type(tensor) in READABLE | _BITS.keys()


def read_values(tensor: TensorT, data: Array) -> DenseValues:
    """Return the values of a constant.

    Args:
        tensor: The tensor.
        data: Of its buffer.

    Raises:
        JobError: if it has a type that cannot be read.
    """
    values = _unpack(data, tensor_name(tensor) or "unnamed", tensor_type(tensor))
    if tensor.sparsity is None:
        dense = values[: math.prod(tensor.shape)].reshape(tensor.shape)
    else:
        dense = _densify(values, tensor.sparsity, tensor.shape)
    zero, channel_axis = _quantization(tensor)
    return DenseValues(dense, dense == zero, channel_axis)


def _unpack(data: Array, name: str, dtype: str) -> Array:
    """Return the elements in ``data``; of types under 8 bits, as many as fit into its bytes."""
    stored = np.frombuffer(data, np.uint8)
    if dtype in READABLE:
        return stored.view(np.dtype(dtype).newbyteorder("<"))
    if dtype not in _BITS:
        cause = f"weight {name} has the type {dtype}, which pytest-modelbudget cannot read"
        raise JobError(cause, "convert the model with another type of weights")
    bits, sign = _BITS[dtype], 1 << (_BITS[dtype] - 1)
    codes = (stored[:, np.newaxis] >> np.arange(0, 8, bits, dtype=np.uint8)).ravel()
    return ((codes & (2 * sign - 1)) ^ sign).astype(np.int8) - np.int8(sign)


def _densify(values: Array, sparsity: Any, shape: list[int]) -> Array:
    """Return the dense tensor of elements in sparse encoding, which ``schema.fbs`` describes.

    A level is an axis, or a block within an axis. It has either all positions, or a list of the
    positions that are stored, one list for each position of the level above.
    """
    offsets = np.zeros(1, np.int64)
    for level, step in zip(sparsity.dimMetadata, _steps(sparsity, shape), strict=True):
        if level.format == flatbuffer_utils.schema_fb.DimensionType.DENSE:
            repeats = np.full(len(offsets), level.denseSize)
            positions = np.tile(np.arange(level.denseSize), len(offsets))
        else:
            repeats = np.diff(np.asarray(level.arraySegments.values, np.int64))
            positions = np.asarray(level.arrayIndices.values, np.int64)
        offsets = np.repeat(offsets, repeats) + positions * step
    dense = np.zeros(np.prod(shape), values.dtype)
    dense[offsets] = values[: len(offsets)]
    return dense.reshape(shape)


def _steps(sparsity: Any, shape: list[int]) -> Iterator[int]:
    """Yield for each level how many elements of the dense tensor lie between two positions."""
    blocks = list(sparsity.blockMap) if sparsity.blockMap is not None else []
    strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    sizes = dict(zip(sparsity.traversalOrder, sparsity.dimMetadata, strict=True))
    inner = {axis: sizes[len(shape) + n].denseSize for n, axis in enumerate(blocks)}
    for axis in sparsity.traversalOrder:
        if axis < len(shape):
            yield strides[axis] * inner.get(axis, 1)
        else:
            yield strides[blocks[axis - len(shape)]]


def _quantization(tensor: TensorT) -> tuple[Array, int | None]:
    """Return the stored value of 0, broadcastable over the tensor, and the axis of the scales."""
    parameters = tensor.quantization
    if parameters is None:
        return np.zeros((), np.int64), None
    blockwise = flatbuffer_utils.BlockwiseQuantizationT
    if isinstance(parameters.details, blockwise):  # it has no zero points
        return np.zeros((), np.int64), parameters.quantizedDimension
    zero = np.asarray([0] if parameters.zeroPoint is None else parameters.zeroPoint)
    if parameters.scale is None or len(parameters.scale) == 1:
        return zero, None
    axis = parameters.quantizedDimension
    others = tuple(each for each in range(len(tensor.shape)) if each != axis)
    return np.expand_dims(zero, others) if len(zero) > 1 else zero, axis

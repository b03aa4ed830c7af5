"""Stores kernels that are mostly zeros in TFLite's sparse encoding.

The converter's own pass (``Optimize.EXPERIMENTAL_SPARSITY``) also encodes kernels that LiteRT 2.3
computes wrongly or not at all. Where XNNPACK quantizes activations at run time, and in integer
fully connected layers, it reads the encoded bytes of a kernel instead of the unpacked ones
(``VisitConv2DNode`` and ``VisitFullyConnectedNode`` in LiteRT's ``xnnpack_delegate.cc``); blocks of
float16 return NaN. Therefore this module encodes only kernels with which LiteRT computes the same
outputs as before. Each is followed by a DENSIFY, which LiteRT runs once.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools.flatbuffer_utils import ModelT, SubGraphT, TensorT

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.graph import scale_of
from pytest_modelbudget.workers.tflite.tflite_file import (
    is_constant,
    operator_name,
    pack,
    parse,
    tensor_type,
)
from pytest_modelbudget.workers.userdata.datasets import Array

_OPERATORS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
_DTYPES = {"float32": "<f4", "float16": "<f2", "int8": "i1"}
_BLOCKS = (1, 2, 4, 8, 16)  # kernel elements along the input channels that are stored together
_DENSIFY_BYTES = 300  # of the operator and its output
_CHANNEL_BYTES = 12  # of the output's scale and zero point for one channel


@dataclass(frozen=True, eq=False)
class _Encoded:
    """A kernel in sparse encoding.

    Attributes:
        values: The stored elements, flat.
        block: How many elements along the input channels are stored together.
        segments: Where the blocks of each row begin and end.
        indices: The position of each block in its row.
    """

    values: Array
    block: int
    segments: Array
    indices: Array

    @property
    def size_bytes(self) -> int:
        return self.values.nbytes + self.segments.nbytes + self.indices.nbytes


def encode_sparse(model: bytes) -> bytes:
    """Encode each kernel that LiteRT can run in sparse encoding and that gets smaller by it.

    LiteRT can run float32 and float16 kernels of convolutions and fully connected layers, int8
    kernels of both with int16 activations, and int8 kernels of convolutions with int8 activations.

    Args:
        model: A ``.tflite``.

    Returns:
        A smaller ``.tflite`` that computes the same.

    Raises:
        JobError: if the model has no such kernel, or none with enough zeros.
    """
    parsed = parse(model)
    kernels = [(graph, index) for graph in parsed.subgraphs for index in _kernels(graph, parsed)]
    if not kernels:
        raise JobError(
            "LiteRT cannot run any kernel of this model in sparse encoding",
            "quantize to float16 or int16x8, or leave it float32",
        )
    encoded = [_encode(index, graph, parsed) for graph, index in kernels]
    result = pack(parsed)
    if not any(encoded) or len(result) >= len(model):
        most = max(_zeros(graph.tensors[index], parsed) for graph, index in kernels)
        cause = f"too few zeros for sparse encoding: the sparsest kernel has {most:.0%} zeros"
        raise JobError(cause, "prune first")
    return result


def _encode(index: int, graph: SubGraphT, model: ModelT) -> bool:
    """Encode a kernel in place if that makes the file smaller, and return whether it does."""
    tensor = graph.tensors[index]
    dense = _elements(tensor, model)
    encoded = min(_encodings(dense), key=lambda each: each.size_bytes)
    channels = len(tensor.quantization.scale) if scale_of(tensor) else 0
    size_bytes = encoded.size_bytes + _DENSIFY_BYTES + _CHANNEL_BYTES * channels
    if not encoded.values.size or size_bytes >= dense.nbytes:
        return False
    _densify(index, graph, model)
    tensor.sparsity = _sparsity(dense.shape, encoded)
    model.buffers[tensor.buffer].data = encoded.values.view(np.uint8)
    return True


def _elements(tensor: TensorT, model: ModelT) -> Array:
    stored = model.buffers[tensor.buffer].data
    return np.frombuffer(stored, _DTYPES[tensor_type(tensor)]).reshape(tensor.shape)


def _zeros(tensor: TensorT, model: ModelT) -> float:
    return float((_elements(tensor, model) == 0).mean())


def _kernels(graph: SubGraphT, model: ModelT) -> Iterator[int]:
    """Yield the dense kernels that LiteRT can run in sparse encoding, by index."""
    uses = Counter(tensor.buffer for each in model.subgraphs for tensor in each.tensors)
    for index, tensor in enumerate(graph.tensors):
        is_alone = uses[tensor.buffer] == 1 and tensor.sparsity is None
        is_candidate = is_alone and tensor_type(tensor) in _DTYPES and is_constant(model, tensor)
        if is_candidate and _runs(index, graph, model):
            yield index


def _runs(index: int, graph: SubGraphT, model: ModelT) -> bool:
    """Tell whether every operator that reads a kernel computes the same if DENSIFY unpacks it."""
    readers = [operator for operator in graph.operators if index in operator.inputs]
    stored_type = tensor_type(graph.tensors[index])
    for operator in readers:
        name = operator_name(model, operator)
        if name == "DEQUANTIZE" and stored_type == "float16":
            if not _runs(operator.outputs[0], graph, model):
                return False
        elif name not in _OPERATORS or list(operator.inputs).index(index) != 1:
            return False
        elif stored_type == "int8":
            activations = tensor_type(graph.tensors[operator.inputs[0]])
            is_convolution = activations == "int8" and name != "FULLY_CONNECTED"
            if activations != "int16" and not is_convolution:
                return False
    return bool(readers)


def _encodings(dense: Array) -> Iterator[_Encoded]:
    """Yield the encodings of a kernel in blocks of each size that divides its last axis."""
    size = dense.shape[-1]
    for block in (each for each in _BLOCKS if size % each == 0):
        rows = dense.reshape(-1, size // block, block)
        stored = rows.any(axis=2)
        segments = np.concatenate([[0], np.cumsum(stored.sum(axis=1))])
        yield _Encoded(
            rows[stored].ravel(), block, _narrowed(segments), _narrowed(np.nonzero(stored)[1])
        )


def _narrowed(positions: Array) -> Array:
    """Return integers as the smallest dtype of the format that has room for them."""
    largest = positions.max(initial=0)
    dtypes = (np.uint8, np.uint16)
    return positions.astype(next((d for d in dtypes if largest <= np.iinfo(d).max), np.int32))


def _densify(index: int, graph: SubGraphT, model: ModelT) -> None:
    """Make all operators that read tensor ``index`` read the output of a new DENSIFY."""
    tensor, dense = graph.tensors[index], len(graph.tensors)
    for operator in graph.operators:
        operator.inputs = [dense if each == index else each for each in operator.inputs]
    graph.tensors.append(
        schema.TensorT(
            shape=tensor.shape,
            type=tensor.type,
            name=b"densified",
            quantization=tensor.quantization,
            hasRank=tensor.hasRank,
        )
    )
    operator = schema.OperatorT(opcodeIndex=_densify_code(model), inputs=[index], outputs=[dense])
    graph.operators.insert(0, operator)


def _densify_code(model: ModelT) -> int:
    number = schema.BuiltinOperator.DENSIFY
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == number:
            return index
    # Older readers read codes below 127 from the deprecated field only.
    model.operatorCodes.append(
        schema.OperatorCodeT(deprecatedBuiltinCode=number, builtinCode=number, version=1)
    )
    return len(model.operatorCodes) - 1


def _sparsity(shape: tuple[int, ...], encoded: _Encoded) -> Any:
    """Return the ``SparsityParameters`` of TFLite's ``schema.fbs``."""
    *outer, _ = shape
    levels = [_dense_level(size) for size in outer]
    levels.append(_sparse_level(encoded.segments, encoded.indices))
    blocked = encoded.block > 1
    if blocked:
        levels.append(_dense_level(encoded.block))
    return schema.SparsityParametersT(
        traversalOrder=list(range(len(levels))),
        blockMap=[len(shape) - 1] if blocked else [],
        dimMetadata=levels,
    )


def _dense_level(size: int) -> Any:
    return schema.DimensionMetadataT(format=schema.DimensionType.DENSE, denseSize=size)


def _sparse_level(segments: Array, indices: Array) -> Any:
    segments_type, segments_vector = _vector(segments)
    indices_type, indices_vector = _vector(indices)
    return schema.DimensionMetadataT(
        format=schema.DimensionType.SPARSE_CSR,
        arraySegmentsType=segments_type,
        arraySegments=segments_vector,
        arrayIndicesType=indices_type,
        arrayIndices=indices_vector,
    )


def _vector(positions: Array) -> tuple[int, Any]:
    name = f"{positions.dtype.name.capitalize()}Vector"
    vector = getattr(schema, f"{name}T")(values=positions)
    return getattr(schema.SparseIndexVector, name), vector

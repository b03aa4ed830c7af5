"""Writes kernels that are mostly zeros in TFLite's sparse encoding.

The converter's own pass (``Optimize.EXPERIMENTAL_SPARSITY``) also encodes what LiteRT 2.3 then
runs wrongly or not at all: where XNNPACK quantizes activations as it goes, and in fully connected
layers of integers, it reads the encoded bytes of a kernel in place of the unpacked ones
(``VisitConv2DNode`` and ``VisitFullyConnectedNode`` in LiteRT's ``xnnpack_delegate.cc``), and
blocks of float16 give NaN. So this encodes what all kernels of LiteRT compute as before, and
leaves the rest dense. Each encoded kernel is followed by a DENSIFY, which LiteRT runs once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.userdata.datasets import Array

_KINDS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
_TYPES = schema.TensorType
_DTYPES = {_TYPES.FLOAT32: "<f4", _TYPES.FLOAT16: "<f2", _TYPES.INT8: "i1"}
_BLOCKS = (1, 2, 4, 8, 16)  # kernel elements along the input channels that are stored together
_DENSIFY_BYTES = 300  # of the operator and its output
_CHANNEL_BYTES = 12  # of the output's scale and zero point for one channel


@dataclass(frozen=True, eq=False)
class _Encoded:
    """The elements of a kernel that are stored, and where they belong."""

    values: Array
    block: int
    segments: Array
    indices: Array

    @property
    def size_bytes(self) -> int:
        return self.values.nbytes + self.segments.nbytes + self.indices.nbytes


def encode_sparse(model: bytes) -> bytes:
    """Encode each kernel that becomes smaller so and that LiteRT can run.

    Those are float32 and float16 kernels of convolutions and fully connected layers, and int8
    ones where activations are integers too; with int8 activations only those of convolutions.

    Args:
        model: A ``.tflite``.

    Returns:
        A smaller ``.tflite`` that computes the same.

    Raises:
        JobError: It has no such kernel, or none with zeros enough.
    """
    parsed = flatbuffer_utils.read_model_from_bytearray(model)
    kernels = [(graph, index) for graph in parsed.subgraphs for index in _kernels(graph, parsed)]
    if not kernels:
        raise JobError(
            "LiteRT cannot run any tensor of this model in sparse encoding",
            "quantize to float16 or int16x8, or leave it float32",
        )
    encoded = [_encode(index, graph, parsed) for graph, index in kernels]
    result = bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))
    if not any(encoded) or len(result) >= len(model):
        most = max(_zeros(graph.tensors[index], parsed) for graph, index in kernels)
        cause = f"no tensor is sparse enough for sparse encoding: {most:.0%} zeros at most"
        raise JobError(cause, "prune first")
    return result


def _encode(index: int, graph: Any, model: Any) -> bool:
    """Encode a kernel in place if that makes the file smaller; return whether it did."""
    tensor = graph.tensors[index]
    dense = _elements(tensor, model)
    encoded = min(_encodings(dense), key=lambda each: each.size_bytes)
    channels = len(tensor.quantization.scale) if _is_quantized(tensor) else 0
    size_bytes = encoded.size_bytes + _DENSIFY_BYTES + _CHANNEL_BYTES * channels
    if not encoded.values.size or size_bytes >= dense.nbytes:
        return False
    _densify(index, graph, model)
    tensor.sparsity = _sparsity(dense.shape, encoded)
    model.buffers[tensor.buffer].data = encoded.values.view(np.uint8)
    return True


def _elements(tensor: Any, model: Any) -> Array:
    stored = model.buffers[tensor.buffer].data
    return np.frombuffer(stored, _DTYPES[tensor.type]).reshape(tensor.shape)


def _zeros(tensor: Any, model: Any) -> float:
    return float((_elements(tensor, model) == 0).mean())


def _kernels(graph: Any, model: Any) -> Iterator[int]:
    """Yield the constants of a type that can be encoded, which only operators that can read."""
    held = [tensor.buffer for each in model.subgraphs for tensor in each.tensors]
    for index, tensor in enumerate(graph.tensors):
        is_constant = model.buffers[tensor.buffer].data is not None
        is_alone = held.count(tensor.buffer) == 1 and tensor.sparsity is None
        if tensor.type in _DTYPES and is_constant and is_alone and _runs(index, graph, model):
            yield index


def _runs(index: int, graph: Any, model: Any) -> bool:
    """Tell whether every operator that reads a tensor computes the same with it behind DENSIFY."""
    readers = [operator for operator in graph.operators if index in operator.inputs]
    for operator in readers:
        kind = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
        if kind == "DEQUANTIZE" and graph.tensors[index].type == _TYPES.FLOAT16:
            if not _runs(operator.outputs[0], graph, model):
                return False
        elif kind not in _KINDS or list(operator.inputs).index(index) != 1:
            return False
        elif graph.tensors[index].type == _TYPES.INT8:
            activations = graph.tensors[operator.inputs[0]].type
            is_convolution = activations == _TYPES.INT8 and kind != "FULLY_CONNECTED"
            if activations != _TYPES.INT16 and not is_convolution:
                return False
    return bool(readers)


def _is_quantized(tensor: Any) -> bool:
    return tensor.quantization is not None and tensor.quantization.scale is not None


def _encodings(dense: Array) -> Iterator[_Encoded]:
    """Yield a kernel in blocks of each size that its last axis, the input channels, allows."""
    size = dense.shape[-1]
    for block in (each for each in _BLOCKS if size % each == 0):
        rows = dense.reshape(-1, size // block, block)
        stored = rows.any(axis=2)
        segments = np.concatenate([[0], np.cumsum(stored.sum(axis=1))])
        yield _Encoded(
            rows[stored].ravel(), block, _narrowed(segments), _narrowed(np.nonzero(stored)[1])
        )


def _narrowed(places: Array) -> Array:
    """Return whole numbers in the smallest of the types that the format has for them."""
    largest = places.max(initial=0)
    kinds = (np.uint8, np.uint16)
    return places.astype(next((k for k in kinds if largest <= np.iinfo(k).max), np.int32))


def _densify(index: int, graph: Any, model: Any) -> None:
    """Let all that reads tensor ``index`` read the output of a new DENSIFY."""
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


def _densify_code(model: Any) -> int:
    kind = schema.BuiltinOperator.DENSIFY
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == kind:
            return index
    # Older readers look for codes below 127 in the deprecated field only.
    model.operatorCodes.append(
        schema.OperatorCodeT(deprecatedBuiltinCode=kind, builtinCode=kind, version=1)
    )
    return len(model.operatorCodes) - 1


def _sparsity(shape: tuple[int, ...], encoded: _Encoded) -> Any:
    """Describe it level by level, as ``SparsityParameters`` in TFLite's ``schema.fbs`` asks."""
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


def _vector(places: Array) -> tuple[int, Any]:
    name = f"{places.dtype.name.capitalize()}Vector"
    vector = getattr(schema, f"{name}T")(values=places)
    return getattr(schema.SparseIndexVector, name), vector

"""A ``.tflite`` as a flatbuffer: read it, change it, write it, without running it."""

from collections.abc import Iterator, Mapping

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_litert.tools.flatbuffer_utils import (
    ModelT,
    OperatorT,
    QuantizationParametersT,
    SubGraphT,
    TensorT,
)

from pytest_modelbudget.workers.tflite.sharing_builder import SharingBuilder

MODEL = "model.tflite"
_IDENTIFIER = b"TFL3"
TYPES: Mapping[int, str] = {
    code: name.lower() for name, code in vars(flatbuffer_utils.TensorType).items() if name.isupper()
}
"""The names of the types of tensors, by their numbers in the file."""


def parse(model: bytes) -> ModelT:
    """Return a ``.tflite`` as an object; LiteRT must have loaded it before, to verify it."""
    return flatbuffer_utils.read_model_from_bytearray(model)


def pack(model: ModelT) -> bytes:
    """Return the ``.tflite`` of an object that ``parse`` returned, in few bytes."""
    for buffer in model.buffers:
        if buffer.data is not None:
            # Anything but an array is written byte by byte. The LiteRT quantizer stores weights
            # behind the flatbuffer, at an offset that packing does not keep.
            buffer.data = np.frombuffer(buffer.data, np.uint8)
            buffer.offset = buffer.size = 0
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if not _is_described(tensor.quantization):
                tensor.quantization = None
    builder = SharingBuilder()
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _is_described(parameters: QuantizationParametersT | None) -> bool:
    """Tell whether there are parameters; TensorFlow's converter writes a table without any."""
    names = ("min", "max", "scale", "zeroPoint", "details")
    return any(getattr(parameters, name, None) is not None for name in names)


def operators(model: ModelT) -> Iterator[tuple[OperatorT, SubGraphT]]:
    """Yield the operators of all subgraphs in order, each with its subgraph."""
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            yield operator, graph


def operator_name(model: ModelT, operator: OperatorT) -> str:
    """Return a name such as ``CONV_2D``, ``CUSTOM:mine`` or ``FlexErf``."""
    name = str(flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex))
    if name != "CUSTOM":
        return name
    custom: str = model.operatorCodes[operator.opcodeIndex].customCode.decode()
    return custom if custom.startswith("Flex") else f"CUSTOM:{custom}"


def tensor_name(tensor: TensorT) -> str:
    """Return the name of a tensor; empty if names were stripped from the file."""
    return (tensor.name or b"").decode()


def tensor_type(tensor: TensorT) -> str:
    """Return the type of a tensor's elements, such as ``float32`` or ``int4``."""
    return TYPES[tensor.type]


def is_constant(model: ModelT, tensor: TensorT) -> bool:
    """Tell whether the values of a tensor are in the file."""
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def is_quantized(model: ModelT) -> bool:
    """Tell whether any tensor has a scale."""
    tensors = (tensor for graph in model.subgraphs for tensor in graph.tensors)
    return any(each.quantization and each.quantization.scale is not None for each in tensors)


def is_sparse(model: ModelT) -> bool:
    """Tell whether any tensor is stored in sparse encoding."""
    return any(tensor.sparsity for graph in model.subgraphs for tensor in graph.tensors)


def computes_in(model: ModelT, wanted: str) -> bool:
    """Tell whether a model has weights of the type ``wanted``, or operators that read it.

    QUANTIZE and DEQUANTIZE do not count: they convert inputs and outputs of float models, too.
    """
    for operator, graph in operators(model):
        converts = operator_name(model, operator) in ("QUANTIZE", "DEQUANTIZE")
        for tensor in (graph.tensors[index] for index in operator.inputs if index >= 0):
            is_read = is_constant(model, tensor) or not converts
            if is_read and tensor_type(tensor) == wanted:
                return True
    return False

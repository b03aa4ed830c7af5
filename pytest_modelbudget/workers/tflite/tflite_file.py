"""Reads, runs and looks into ``.tflite`` models with LiteRT alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils

MODEL = "model.tflite"
_TYPES = {code: name for name, code in vars(flatbuffer_utils.TensorType).items() if name.isupper()}


@dataclass(frozen=True)
class Port:
    """An input or output of a signature: ``shape`` with the batch axis, -1 is any size."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Signature:
    """The first signature of a model, its inputs and outputs by name."""

    name: str
    inputs: dict[str, Port]
    outputs: dict[str, Port]


def signature(model: bytes) -> Signature:
    """Return the names, shapes and dtypes of what goes into and comes out of a model."""
    interpreter = Interpreter(model_content=model, num_threads=1)
    name = next(iter(interpreter.get_signature_list()))
    runner = interpreter.get_signature_runner(name)
    return Signature(
        name,
        {name: _port(details) for name, details in runner.get_input_details().items()},
        {name: _port(details) for name, details in runner.get_output_details().items()},
    )


def with_signature(model: bytes) -> bytes:
    """Give a model that has no signature one, with the names of its tensors."""
    parsed = flatbuffer_utils.read_model_from_bytearray(model)
    if parsed.signatureDefs:
        return model
    graph = parsed.subgraphs[0]
    definition = flatbuffer_utils.schema_fb.SignatureDefT()
    definition.signatureKey = "serving_default"
    definition.inputs = [_tensor_map(index, graph) for index in graph.inputs]
    definition.outputs = [_tensor_map(index, graph) for index in graph.outputs]
    parsed.signatureDefs = [definition]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def _tensor_map(index: int, graph: Any) -> Any:
    mapped = flatbuffer_utils.schema_fb.TensorMapT()
    mapped.tensorIndex = index
    mapped.name = graph.tensors[index].name
    return mapped


def is_quantized(model: bytes) -> bool:
    """Tell whether any tensor has a scale."""
    parsed = flatbuffer_utils.read_model_from_bytearray(model)
    tensors = (tensor for graph in parsed.subgraphs for tensor in graph.tensors)
    return any(each.quantization and each.quantization.scale is not None for each in tensors)


def is_sparse(model: bytes) -> bool:
    """Tell whether any tensor is in sparse encoding."""
    parsed = flatbuffer_utils.read_model_from_bytearray(model)
    return any(each.sparsity for graph in parsed.subgraphs for each in graph.tensors)


def computes_in(model: bytes, tensor_type: str) -> bool:
    """Tell whether a model computes in ``tensor_type`` (such as ``INT8``) or has such weights.

    Types that only pass through QUANTIZE and DEQUANTIZE, at the model's border, do not count.
    """
    parsed = flatbuffer_utils.read_model_from_bytearray(model)
    for graph in parsed.subgraphs:
        for operator in graph.operators:
            name = flatbuffer_utils.opcode_to_name(parsed, operator.opcodeIndex)
            for tensor in (graph.tensors[index] for index in operator.inputs if index >= 0):
                is_weight = parsed.buffers[tensor.buffer].data is not None
                computes = is_weight or name not in ("QUANTIZE", "DEQUANTIZE")
                if computes and _TYPES[tensor.type] == tensor_type:
                    return True
    return False


def _port(details: dict[str, Any]) -> Port:
    shape = tuple(int(size) for size in details["shape_signature"])
    return Port(shape or tuple(details["shape"]), np.dtype(details["dtype"]))

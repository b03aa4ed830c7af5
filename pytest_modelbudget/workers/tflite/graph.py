"""What a ``.tflite`` computes: its scales, floating point and multiply-accumulates."""

import math
from collections.abc import Mapping

from ai_edge_litert.tools.flatbuffer_utils import ModelT, OperatorT, SubGraphT, TensorT

from pytest_modelbudget.workers.tflite.tflite_file import operator_name, tensor_type
from pytest_modelbudget.workers.tflite.weights import WEIGHT_INPUTS

TensorShapes = Mapping[int, tuple[int, ...]]
"""The shapes of tensors, by their index."""

_LOOKUPS = {"EMBEDDING_LOOKUP", "GATHER"}
_TRANSPOSED = {"CONV_3D_TRANSPOSE", "TRANSPOSE_CONV"}


def scale_of(tensor: TensorT) -> float:
    """Return the real difference between neighbouring stored values; 0 if not quantized."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or len(quantization.scale) == 0:
        return 0.0
    return float(quantization.scale[0])


def touches_float(operator: OperatorT, graph: SubGraphT) -> bool:
    """Tell whether an operator has a float input or output."""
    touched = (*(operator.inputs or ()), *(operator.outputs or ()))
    return any("float" in tensor_type(graph.tensors[index]) for index in touched if index >= 0)


def stored_macs(model: ModelT) -> int:
    """Count the multiply-accumulates of all subgraphs, with the shapes that are in the file."""
    return sum(graph_macs(model, graph, stored_shapes(graph)) for graph in model.subgraphs)


def stored_shapes(graph: SubGraphT) -> TensorShapes:
    """Return the shapes of tensors that are in the file; an open size is 1 there."""
    return {index: tuple(tensor.shape or ()) for index, tensor in enumerate(graph.tensors)}


def graph_macs(model: ModelT, graph: SubGraphT, shapes: TensorShapes) -> int:
    """Count the multiply-accumulates of one subgraph whose tensors have ``shapes``.

    Convolutions, fully connected and recurrent layers and matrix products count, zeros included.
    """
    return sum(
        _operator_macs(operator_name(model, operator), operator, shapes)
        for operator in graph.operators
    )


def _operator_macs(name: str, operator: OperatorT, shapes: TensorShapes) -> int:
    """Count each element of a kernel once for each position of the kernel."""
    if name in _LOOKUPS or name not in WEIGHT_INPUTS:
        return 0
    output = shapes[operator.outputs[0]]
    if name == "BATCH_MATMUL":
        left = shapes[operator.inputs[0]]
        return math.prod(output) * left[-2 if operator.builtinOptions.adjX else -1]
    positions = shapes[operator.inputs[2]] if name in _TRANSPOSED else output
    kernels = [operator.inputs[slot] for slot in WEIGHT_INPUTS[name] if slot < len(operator.inputs)]
    sizes = [math.prod(shapes[index]) for index in kernels if index >= 0]
    return math.prod(positions[:-1]) * sum(sizes)

"""Reads from a ``.tflite`` itself what its weights and operators are."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_litert.tools.flatbuffer_utils import ModelT, OperatorT, SubGraphT

from pytest_modelbudget.judge.results import Structure, WeightTensor
from pytest_modelbudget.workers.tflite.interpreter import load
from pytest_modelbudget.workers.tflite.weights import (
    TYPES,
    WEIGHT_INPUTS,
    Weight,
    most_unique,
    operator_name,
    read_weights,
)

_LOOKUPS = {"EMBEDDING_LOOKUP", "GATHER"}
_RUN_SUBGRAPHS = {"CALL", "IF", "STABLEHLO_COMPOSITE", "WHILE"}
_TRANSPOSED = {"CONV_3D_TRANSPOSE", "TRANSPOSE_CONV"}
Shapes = Mapping[int, tuple[int, ...]]


def describe(path: Path) -> Structure:
    """Describe the weights and operators of all subgraphs of a model.

    ``macs`` are those of convolutions, fully connected and recurrent layers and matrix
    products in the primary subgraph, zeros included, with 1 for every axis that the model
    leaves open; a model with a fixed batch is counted for the whole batch.

    ``float_operators`` is empty only if no operator touches a float tensor, as a
    microcontroller without floating point needs it: QUANTIZE and DEQUANTIZE at float32
    inputs and outputs count.

    Raises:
        JobError: The file is missing, damaged or of another format, or has weights of a
            type that cannot be read.
    """
    load(path, threads=1)  # verifies the flatbuffer, so that reading it cannot fail
    model = flatbuffer_utils.read_model(path)
    weights = list(read_weights(model))
    size = sum(weight.values.size for weight in weights)
    zeros = sum(int(weight.is_zero.sum()) for weight in weights)
    tensors = tuple(map(_summary, weights))
    return Structure(
        sparsity=zeros / size if size else 0.0,
        unique_weights=max((tensor.unique for tensor in tensors), default=0),
        macs=_macs(model, path),
        operators=_names(model, lambda _operator, _graph: True),
        float_operators=_names(model, touches_float),
        weights=tensors,
    )


def stored_macs(model: ModelT) -> int:
    """Count the multiply-accumulates of all subgraphs, with the shapes as they are in the file."""
    return sum(graph_macs(model, graph, _stored_shapes(graph)) for graph in model.subgraphs)


def _names(model: ModelT, is_wanted: Callable[[OperatorT, SubGraphT], bool]) -> tuple[str, ...]:
    names = {
        operator_name(model, operator)
        for graph in model.subgraphs
        for operator in graph.operators
        if is_wanted(operator, graph)
    }
    return tuple(sorted(names))


def touches_float(operator: OperatorT, graph: SubGraphT) -> bool:
    """Tell whether an operator has a float input or output."""
    touched = (*(operator.inputs or ()), *(operator.outputs or ()))
    return any("float" in TYPES[graph.tensors[index].type] for index in touched if index >= 0)


def _summary(weight: Weight) -> WeightTensor:
    return WeightTensor(
        name=weight.name,
        shape=weight.values.shape,
        dtype=weight.dtype,
        sparsity=float(weight.is_zero.mean()),
        unique=most_unique(weight.values, weight.channel_axis),
    )


def _macs(model: ModelT, path: Path) -> int | None:
    primary, *others = model.subgraphs
    called = {operator_name(model, operator) for operator in primary.operators} & _RUN_SUBGRAPHS
    if called and any(graph_macs(model, graph, _stored_shapes(graph)) for graph in others):
        return None
    shapes = _run_shapes(path)
    return None if shapes is None else graph_macs(model, primary, shapes)


def _run_shapes(path: Path) -> Shapes | None:
    """Return the shapes in the primary subgraph after a run on zeros, or None if it fails.

    Those in the file have 1 for every open axis, also where it is many times the batch, and
    LiteRT knows some only when it runs.
    """
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    litert = Interpreter(str(path), num_threads=1, experimental_op_resolver_type=resolver)
    try:
        litert.allocate_tensors()
        for tensor in litert.get_input_details():
            litert.set_tensor(tensor["index"], np.zeros(tensor["shape"], tensor["dtype"]))
        litert.invoke()
    except (RuntimeError, ValueError):
        return None
    details = litert.get_tensor_details()
    return {tensor["index"]: tuple(tensor["shape"].tolist()) for tensor in details}


def _stored_shapes(graph: SubGraphT) -> Shapes:
    return {index: tuple(tensor.shape or ()) for index, tensor in enumerate(graph.tensors)}


def graph_macs(model: ModelT, graph: SubGraphT, shapes: Shapes) -> int:
    """Count the multiply-accumulates of a graph whose tensors have ``shapes``."""
    return sum(
        _operator_macs(operator_name(model, operator), operator, shapes)
        for operator in graph.operators
    )


def _operator_macs(name: str, operator: OperatorT, shapes: Shapes) -> int:
    """Every element of a kernel is used once at each place that it visits."""
    if name in _LOOKUPS or name not in WEIGHT_INPUTS:
        return 0
    output = shapes[operator.outputs[0]]
    if name == "BATCH_MATMUL":
        left = shapes[operator.inputs[0]]
        return math.prod(output) * left[-2 if operator.builtinOptions.adjX else -1]
    visited = shapes[operator.inputs[2]] if name in _TRANSPOSED else output
    kernels = [operator.inputs[slot] for slot in WEIGHT_INPUTS[name] if slot < len(operator.inputs)]
    sizes = [math.prod(shapes[index]) for index in kernels if index >= 0]
    return math.prod(visited[:-1]) * sum(sizes)

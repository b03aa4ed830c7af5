"""Changes a ``.tflite`` so that it returns more of the tensors that it computes."""

from collections.abc import Iterator
from copy import copy

import numpy as np
from ai_edge_litert.tools.flatbuffer_utils import ModelT, OperatorT, SubGraphT, TensorT

from pytest_modelbudget.workers.tflite.graph import scale_of
from pytest_modelbudget.workers.tflite.tensors import Values
from pytest_modelbudget.workers.tflite.tflite_file import operator_name, tensor_type
from pytest_modelbudget.workers.userdata.datasets import Array

# They make differences small or discrete, so that the tensors before them are compared, too.
_SQUASHING = {"SOFTMAX", "LOG_SOFTMAX", "LOGISTIC", "TANH", "ARG_MAX", "ARG_MIN"}
_NUMBERS = {"float32", "int8", "uint8", "int16", "int32", "int64", "bool"}
_PASSING = {"DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE", "CAST"}


def to_real(stored: Array, tensor: TensorT) -> Array:
    """Return the real values of an activation, as float64."""
    scale = scale_of(tensor)
    values = stored.astype(np.float64)
    return (values - tensor.quantization.zeroPoint[0]) * scale if scale else values


def step_of(index: int, model: ModelT) -> float:
    """Return ``scale_of`` a tensor of the primary subgraph, before a DEQUANTIZE if there is one."""
    graph = model.subgraphs[0]
    for name, source in _sources(index, graph, model):
        if scale_of(graph.tensors[index]) or name not in _PASSING:
            break
        index = source
    return scale_of(graph.tensors[index])


def add_probes(model: ModelT) -> bool:
    """Make a model return its outputs before softmax and similar operators, too, in place.

    Returns:
        Whether there are such operators.
    """
    graph = model.subgraphs[0]
    probes = [probe for output in graph.outputs if (probe := _probe(output, graph, model)) >= 0]
    new = sorted({*probes} - {*graph.outputs, *graph.inputs})
    model.signatureDefs = []
    graph.outputs = [*graph.outputs, *new]
    return bool(new)


def isolate_operators(model: ModelT, values: Values) -> dict[int, int]:
    """Make every operator of the primary subgraph read inputs of the model, in place.

    Then a wrong operator does not change the inputs of those after it. All outputs of operators
    become outputs of the model. Tensors that depend on constants alone, such as weights that are
    stored as float16 or sparse, are still read directly.

    Args:
        model: The flatbuffer.
        values: The tensors that become inputs. Only their shapes are used.

    Returns:
        The index of the input that replaces each of these tensors, by the index of the tensor.
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
    """Return the numeric tensors of the primary subgraph that depend on its inputs."""
    graph = model.subgraphs[0]
    found = {*graph.inputs}
    for operator in graph.operators:
        if found.intersection(operator.inputs):
            found.update(operator.outputs)
    return {index for index in found if tensor_type(graph.tensors[index]) in _NUMBERS}


def _probe(output: int, graph: SubGraphT, model: ModelT) -> int:
    """Return the tensor before softmax and similar operators of an output, or -1."""
    probe = -1
    for name, source in _sources(output, graph, model):
        if name in _SQUASHING:
            probe = source
        elif name not in _PASSING:
            break
    return probe


def _sources(index: int, graph: SubGraphT, model: ModelT) -> Iterator[tuple[str, int]]:
    """Yield the operator that computes a tensor, by name, with its first input, and so on back."""
    makers: dict[int, OperatorT] = {
        output: operator for operator in graph.operators for output in operator.outputs
    }
    while index in makers and len(makers[index].inputs):
        operator = makers[index]
        index = operator.inputs[0]
        yield operator_name(model, operator), index

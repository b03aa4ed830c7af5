"""Keeps operators that only move values in integers.

The LiteRT quantizer does not know the operators in ``_MOVES``, which causal and dilated
convolutions of one dimension convert to, among others, and leaves them float32, between a
DEQUANTIZE and a QUANTIZE. Where both have the same scale, the integers can be moved themselves:
they are the same before and after. SHAPE does not read values at all.
"""

from collections import Counter
from collections.abc import MutableMapping
from typing import Any

import numpy as np
from ai_edge_litert.tools.flatbuffer_utils import ModelT, OperatorT, SubGraphT, TensorT

from pytest_modelbudget.workers.compress.convert.unused_tensors import remove_unused_tensors
from pytest_modelbudget.workers.tflite.tflite_file import operator_name, operators, tensor_name

_MOVES = {"BATCH_TO_SPACE_ND", "EXPAND_DIMS", "SPACE_TO_BATCH_ND", "SQUEEZE"}


def share_ranges(model: ModelT, ranges: MutableMapping[str, Any]) -> None:
    """Give what is moved the range that it had before, in place, so that its scale is the same.

    Args:
        model: A float model.
        ranges: Of activations, by tensor name. A crop may have a smaller one than the whole.
    """
    whole: dict[str, str] = {}
    for operator, graph in operators(model):
        if operator_name(model, operator) in _MOVES:
            source, moved = (
                tensor_name(graph.tensors[index])
                for index in (operator.inputs[0], operator.outputs[0])
            )
            whole[moved] = whole.get(source, source)
            if moved in ranges and whole[moved] in ranges:
                ranges[moved] = ranges[whole[moved]]


def move_integers(model: ModelT) -> None:
    """Remove each pair of DEQUANTIZE and QUANTIZE around moves that has one scale, in place."""
    for number, graph in enumerate(model.subgraphs):
        for operator in list(graph.operators):
            if operator_name(model, operator) == "QUANTIZE":
                _join(operator, graph, model)
        _measure_integers(graph, model)
        _remove_unread(graph, model)
        remove_unused_tensors(number, model)


def _join(quantize: OperatorT, graph: SubGraphT, model: ModelT) -> None:
    """Make the operators before a QUANTIZE move integers, if they only move what is quantized."""
    (last,), (result,) = quantize.inputs, quantize.outputs
    moves = _moves_before(last, graph, model)
    if moves is None:
        return
    dequantize, *moving = moves
    source = graph.tensors[dequantize.inputs[0]]
    if not moving or not _is_alike(source, graph.tensors[result]):
        return
    moving[0].inputs[0] = dequantize.inputs[0]
    for operator in moving:
        moved = graph.tensors[operator.outputs[0]]
        moved.type, moved.quantization = source.type, source.quantization
    graph.operators.remove(quantize)
    _read_instead(last, result, graph, model)


def _moves_before(index: int, graph: SubGraphT, model: ModelT) -> list[OperatorT] | None:
    """Return a DEQUANTIZE and the moves from it to a tensor, or None if others read or make it."""
    writers = {output: operator for operator in graph.operators for output in operator.outputs}
    readers = Counter(graph.outputs)
    for operator in graph.operators:
        if operator_name(model, operator) != "SHAPE":
            readers.update(operator.inputs)
    found: list[OperatorT] = []
    while readers[index] == 1 and index in writers:
        operator = writers[index]
        name = operator_name(model, operator)
        found.insert(0, operator)
        if name == "DEQUANTIZE":
            return found
        if name not in _MOVES:
            return None
        index = operator.inputs[0]
    return None


def _read_instead(new: int, old: int, graph: SubGraphT, model: ModelT) -> None:
    """Read one tensor wherever another one was read, also as an output of the graph."""
    for operator in graph.operators:
        operator.inputs = [new if index == old else index for index in operator.inputs]
    graph.outputs = [new if index == old else index for index in graph.outputs]
    for signature in model.signatureDefs or ():
        if model.subgraphs[signature.subgraphIndex] is graph:
            for end in signature.outputs:
                end.tensorIndex = new if end.tensorIndex == old else end.tensorIndex


def _is_alike(one: TensorT, other: TensorT) -> bool:
    """Tell whether the same integers stand for the same values in both tensors."""
    left, right = one.quantization, other.quantization
    return (
        one.type == other.type
        and np.array_equal(left.scale, right.scale)
        and np.array_equal(left.zeroPoint, right.zeroPoint)
    )


def _measure_integers(graph: SubGraphT, model: ModelT) -> None:
    stored = {
        operator.outputs[0]: operator.inputs[0]
        for operator in graph.operators
        if operator_name(model, operator) == "DEQUANTIZE"
    }
    for operator in graph.operators:
        if operator_name(model, operator) == "SHAPE":
            operator.inputs = [stored.get(index, index) for index in operator.inputs]


def _remove_unread(graph: SubGraphT, model: ModelT) -> None:
    read = {*graph.outputs, *(index for each in graph.operators for index in each.inputs)}
    graph.operators = [
        operator
        for operator in graph.operators
        if operator_name(model, operator) != "DEQUANTIZE" or operator.outputs[0] in read
    ]

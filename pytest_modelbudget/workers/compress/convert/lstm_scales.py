"""Repairs the scales that TensorFlow's converter gives an integer LSTM.

LiteRT's kernel computes the hidden state, an intermediate tensor, and stores it unchanged as output
and as output state. So all three need one scale. The converter gives the last two the scale of what
reads them, such as a concatenation: a bidirectional layer is wrong by more than half of its values.
The kernel has no hyperbolic tangent for cell states of a scale under 2 ** -15, which small
activations get: the outputs are random then.
"""

from copy import copy
from typing import Any

import numpy as np
from ai_edge_litert.tools.flatbuffer_utils import ModelT, OperatorT, SubGraphT
from ai_edge_litert.tools.flatbuffer_utils import schema_fb as schema

from pytest_modelbudget.workers.tflite.tflite_file import operator_name, tensor_type

_OUTPUT_STATE, _CELL_STATE = 18, 19  # among the inputs of the operator
_HIDDEN_STATE = 4  # among its intermediate tensors
_SMALLEST_CELL_SCALE = 2.0**-15


def repair_lstm_scales(model: ModelT) -> bool:
    """Repair each integer LSTM in place, and return whether there are any."""
    graph = model.subgraphs[0]
    found = [each for each in graph.operators if _is_integer_lstm(each, graph, model)]
    for operator in found:
        cell = graph.tensors[operator.inputs[_CELL_STATE]].quantization
        cell.scale = np.maximum(cell.scale, np.float32(_SMALLEST_CELL_SCALE))
        _rescale_output(operator, graph, model)
    return bool(found)


def _is_integer_lstm(operator: OperatorT, graph: SubGraphT, model: ModelT) -> bool:
    is_lstm = operator_name(model, operator) == "UNIDIRECTIONAL_SEQUENCE_LSTM"
    cell = graph.tensors[operator.inputs[_CELL_STATE]].quantization if is_lstm else None
    is_integer = cell is not None and cell.scale is not None
    return is_integer and tensor_type(graph.tensors[operator.outputs[0]]) == "int8"


def _rescale_output(operator: OperatorT, graph: SubGraphT, model: ModelT) -> None:
    """Give both states and the output one scale, and put a QUANTIZE behind the output."""
    computed = graph.tensors[operator.intermediates[_HIDDEN_STATE]].quantization
    graph.tensors[operator.inputs[_OUTPUT_STATE]].quantization = computed
    index = operator.outputs[0]
    read = graph.tensors[index]
    if _scale(read.quantization) == _scale(computed):
        return
    written = copy(read)
    written.name, written.quantization = read.name + b"_as_computed", computed
    operator.outputs = [len(graph.tensors)]
    graph.tensors.append(written)
    rescale = schema.OperatorT(
        opcodeIndex=_quantize_code(model), inputs=list(operator.outputs), outputs=[index]
    )
    graph.operators.insert(graph.operators.index(operator) + 1, rescale)


def _scale(quantization: Any) -> tuple[float, int]:
    return float(quantization.scale[0]), int(quantization.zeroPoint[0])


def _quantize_code(model: ModelT) -> int:
    number = schema.BuiltinOperator.QUANTIZE
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == number:
            return index
    model.operatorCodes.append(
        schema.OperatorCodeT(deprecatedBuiltinCode=number, builtinCode=number, version=2)
    )
    return len(model.operatorCodes) - 1

"""What quantizers need to know of loops, which recurrent layers of Keras 3 convert to.

The body of a WHILE is a subgraph of its own. Its inputs and outputs stay float32, so that the state
of a layer keeps its precision from one time step to the next.
"""

from collections.abc import Iterator
from copy import copy

from ai_edge_litert.tools.flatbuffer_utils import ModelT, OperatorT, SubGraphT

from pytest_modelbudget.budgetfile.stages.quantize import Scheme
from pytest_modelbudget.workers.tflite.tflite_file import (
    is_constant,
    operator_name,
    operators,
    tensor_type,
)


def set_apart(model: ModelT) -> None:
    """Give each tensor a name of its own, and each subgraph buffers of its own, in place.

    The quantizer keeps the ranges of all subgraphs by the names of their tensors, and the loops of
    two layers have tensors of the same names. It writes a constant that two subgraphs share, such
    as the zeros that two states start from, in the type that only one of them reads.
    """
    seen: set[bytes] = set()
    owners: dict[int, int] = {}
    for number, graph in enumerate(model.subgraphs):
        for index, tensor in enumerate(graph.tensors):
            if tensor.name in seen:
                tensor.name += f"_{number}_{index}".encode()
            seen.add(tensor.name)
            if owners.setdefault(tensor.buffer, number) != number and is_constant(model, tensor):
                model.buffers.append(copy(model.buffers[tensor.buffer]))
                tensor.buffer = len(model.buffers) - 1
                owners[tensor.buffer] = number


def left_float(model: ModelT) -> Iterator[bool]:
    """Tell for each operator in order whether it must stay float32 inside a loop.

    The quantizer mixes up the float32 and the integer form of a tensor that a subgraph returns and
    also computes with: LiteRT cannot prepare the result. Operators with weights are not affected.
    """
    for operator, graph in operators(model):
        is_inside = graph is not model.subgraphs[0]
        reads_output = not set(operator.inputs).isdisjoint(graph.outputs)
        yield is_inside and reads_output and not _has_weights(operator, graph, model)


def why_not_converter(model: ModelT, scheme: Scheme) -> str:
    """Return why TensorFlow's converter could not quantize a model; empty if it may.

    Args:
        model: What the LiteRT quantizer made of it.
        scheme: How it is quantized.
    """
    names = {operator_name(model, operator) for operator, _ in operators(model)}
    if scheme in ("int8", "int16x8") and "WHILE" in names:
        return "TensorFlow's converter cannot calibrate loops"
    if scheme == "int16x8" and "UNIDIRECTIONAL_SEQUENCE_LSTM" in names:
        return "LiteRT has no LSTM operator of int16 activations"
    return ""


def _has_weights(operator: OperatorT, graph: SubGraphT, model: ModelT) -> bool:
    inputs = (graph.tensors[index] for index in operator.inputs if index >= 0)
    return any("float" in tensor_type(each) and is_constant(model, each) for each in inputs)

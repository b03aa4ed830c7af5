"""Makes the reshapes of a converted model constant.

Keras 3 reads the batch size at run time in Flatten and Reshape, and the converter keeps that
as SHAPE, STRIDED_SLICE and PACK (https://github.com/tensorflow/tensorflow/issues/50286). The
LiteRT quantizer then dequantizes the activations for SHAPE alone, so that no such model would
be integer only.
"""

from typing import Any

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils

_SHAPE_OPERATORS = {"SHAPE", "STRIDED_SLICE", "PACK"}


def fold_reshapes(model: bytes) -> bytes:
    """Replace each reshape's only open size by -1, which means the same.

    Args:
        model: A ``.tflite``.

    Returns:
        It without the operators that computed the sizes; unchanged if there are none.
    """
    parsed = flatbuffer_utils.read_model_from_bytearray(model)
    folded = [index for index, graph in enumerate(parsed.subgraphs) if _fold(graph, parsed)]
    if not folded:
        return model
    for index in folded:
        _remove_unused_operators(parsed.subgraphs[index], parsed)
        _remove_unused_tensors(index, parsed)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def _fold(graph: Any, model: Any) -> bool:
    """Fold the reshapes of one graph in place; return whether there were any."""
    packs = {op.outputs[0]: op for op in graph.operators if _kind(op, model) == "PACK"}
    reshapes = [op for op in graph.operators if _kind(op, model) == "RESHAPE"]
    folded = False
    for shape in {op.inputs[1] for op in reshapes if len(op.inputs) > 1} & packs.keys():
        sizes = [_constant(graph.tensors[index], model) for index in packs[shape].inputs]
        if sizes.count(None) == 1 and -1 not in sizes:
            values = np.array([-1 if size is None else size for size in sizes], np.int32)
            graph.tensors[shape].buffer = len(model.buffers)
            model.buffers.append(_buffer(values))
            graph.operators.remove(packs[shape])
            folded = True
    return folded


def _remove_unused_operators(graph: Any, model: Any) -> None:
    """Drop the operators on shapes that nothing reads any more, from the last to the first."""
    read = set(graph.outputs)
    kept = []
    for operator in reversed(graph.operators):
        if _kind(operator, model) not in _SHAPE_OPERATORS or read & set(operator.outputs):
            kept.append(operator)
            read |= set(operator.inputs)
    graph.operators = kept[::-1]


def _remove_unused_tensors(index: int, model: Any) -> None:
    """Drop the tensors of graph ``index`` that nothing refers to, and number the rest anew."""
    graph = model.subgraphs[index]
    signatures = [each for each in model.signatureDefs or () if each.subgraphIndex == index]
    ends = [end for signature in signatures for end in (*signature.inputs, *signature.outputs)]
    used = {*graph.inputs, *graph.outputs, *(end.tensorIndex for end in ends)}
    for operator in graph.operators:
        used.update(operator.inputs, operator.outputs, operator.intermediates or ())
    kept = sorted(used - {-1})
    renumbered = {-1: -1} | {old: new for new, old in enumerate(kept)}
    graph.tensors = [graph.tensors[old] for old in kept]
    for holder in (graph, *graph.operators):
        for role in ("inputs", "outputs", "intermediates"):
            if getattr(holder, role, None) is not None:
                setattr(holder, role, [renumbered[old] for old in getattr(holder, role)])
    for end in ends:
        end.tensorIndex = renumbered[end.tensorIndex]


def _kind(operator: Any, model: Any) -> Any:
    return flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)


def _constant(tensor: Any, model: Any) -> int | None:
    """Return the value of a constant int32 scalar, or None."""
    data = model.buffers[tensor.buffer].data
    return None if data is None else int(np.frombuffer(data, np.int32)[0])


def _buffer(values: Any) -> Any:
    buffer = flatbuffer_utils.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    return buffer

"""Makes the reshapes of a converted model constant.

In Keras 3, Flatten and Reshape read the batch size at run time. The converter makes SHAPE,
STRIDED_SLICE and PACK of it (https://github.com/tensorflow/tensorflow/issues/50286). The LiteRT
quantizer dequantizes activations for SHAPE, so that no such model would be integer only.
"""

from typing import Any

import numpy as np
from ai_edge_litert.tools.flatbuffer_utils import BufferT, ModelT, SubGraphT, TensorT

from pytest_modelbudget.workers.compress.convert.unused_tensors import remove_unused_tensors
from pytest_modelbudget.workers.tflite.tflite_file import operator_name

_SHAPE_OPERATORS = {"SHAPE", "STRIDED_SLICE", "PACK"}


def fold_reshapes(model: ModelT) -> bool:
    """Replace the only computed size of each reshape by -1, which means the same, in place.

    The operators that computed the sizes are removed.

    Returns:
        Whether there are such reshapes.
    """
    folded = [index for index, graph in enumerate(model.subgraphs) if _fold(graph, model)]
    for index in folded:
        _remove_unused_operators(model.subgraphs[index], model)
        remove_unused_tensors(index, model)
    return bool(folded)


def _fold(graph: SubGraphT, model: ModelT) -> bool:
    """Fold the reshapes of one subgraph in place, and return whether there are any."""
    packs = {op.outputs[0]: op for op in graph.operators if operator_name(model, op) == "PACK"}
    reshapes = [op for op in graph.operators if operator_name(model, op) == "RESHAPE"]
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


def _remove_unused_operators(graph: SubGraphT, model: ModelT) -> None:
    """Remove the operators that compute shapes that no operator reads."""
    read = set(graph.outputs)
    kept = []
    for operator in reversed(graph.operators):
        name = operator_name(model, operator)
        if name not in _SHAPE_OPERATORS or read & set(operator.outputs):
            kept.append(operator)
            read |= set(operator.inputs)
    graph.operators = kept[::-1]


def _constant(tensor: TensorT, model: ModelT) -> int | None:
    """Return the value of a constant int32 scalar, or None."""
    data = model.buffers[tensor.buffer].data
    return None if data is None else int(np.frombuffer(data, np.int32)[0])


def _buffer(values: Any) -> Any:
    buffer = BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    return buffer

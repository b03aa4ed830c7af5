"""Checks a ``.tflite`` from elsewhere, before anything else reads it.

LiteRT verifies that offsets lie within the file, and much of what it uses to run the model. What
is left is checked here, once, so that no other module has to expect it.
"""

import struct
from collections.abc import Iterable, Iterator

import numpy as np
from ai_edge_litert.tools.flatbuffer_utils import ModelT, SubGraphT, TensorT

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.runs import open_model
from pytest_modelbudget.workers.tflite.tflite_file import TYPES, is_constant, operator_name, parse
from pytest_modelbudget.workers.tflite.weights import READABLE, UNPACKING, WEIGHT_INPUTS

_ABSENT = -1  # the index of an optional input that is left out
Reference = tuple[str, Iterable[int] | None, int, int]
"""What is indexed, the indices, the lowest one, and how many there are of what they name."""


def check_integrity(content: bytes, name: str) -> None:
    """Check that all that a ``.tflite`` refers to exists, and that its names can be read.

    Args:
        content: The file.
        name: Names it in the error.

    Raises:
        JobError: if the file is damaged.
    """
    try:
        open_model(content)  # verifies the offsets, without which it must not be parsed
        model = parse(content)
        wrong = next(_wrong(model), "")
    except (RuntimeError, ValueError, IndexError, TypeError, struct.error) as error:
        wrong = str(error).strip().partition("\n")[0]
    if wrong:
        raise JobError(f"{name} is a damaged .tflite: {wrong}", "copy or convert it again")


def _wrong(model: ModelT) -> Iterator[str]:
    """Yield what is wrong, in words; nothing if all is well."""
    for what, indices, lowest, count in _references(model):
        for index in _numbers(indices):
            if not lowest <= index < count:
                yield f"{what} {index} does not exist"
    if not all(signature.outputs for signature in model.signatureDefs or ()):
        yield "a signature has no outputs"
    for text in _texts(model):
        try:
            (text or b"").decode()
        except UnicodeDecodeError:
            yield f"the name {text!r} is not UTF-8"
    for number, graph in enumerate(model.subgraphs):
        yield from _wrong_in_graph(model, graph, number)


def _references(model: ModelT) -> Iterator[Reference]:
    for signature in model.signatureDefs or ():
        yield "subgraph", [signature.subgraphIndex], 0, len(model.subgraphs)
        tensors = len(model.subgraphs[signature.subgraphIndex].tensors)
        named = [*(signature.inputs or ()), *(signature.outputs or ())]
        yield "tensor", [each.tensorIndex for each in named], 0, tensors
    for graph in model.subgraphs:
        count = len(graph.tensors)
        yield "input", graph.inputs, 0, count
        yield "output", graph.outputs, 0, count
        for operator in graph.operators or ():
            yield "tensor", operator.inputs, _ABSENT, count
            yield "tensor", operator.outputs, 0, count


def _texts(model: ModelT) -> Iterator[bytes | None]:
    for code in model.operatorCodes or ():
        yield code.customCode
    for signature in model.signatureDefs or ():
        yield signature.signatureKey
        for named in (*(signature.inputs or ()), *(signature.outputs or ())):
            yield named.name
    for graph in model.subgraphs:
        yield graph.name
        for tensor in graph.tensors:
            yield tensor.name


def _wrong_in_graph(model: ModelT, graph: SubGraphT, number: int) -> Iterator[str]:
    if number == 0 and not _numbers(graph.outputs):
        yield "it has no output"
    for operator in graph.operators or ():
        is_read = operator_name(model, operator) in WEIGHT_INPUTS.keys() | UNPACKING
        if is_read and (operator.inputs is None or operator.outputs is None):
            yield "an operator has no inputs or no outputs"
    for index, tensor in enumerate(graph.tensors):
        yield from _wrong_in_tensor(model, tensor, index)
    yield from (f"output {index} is never computed" for index in _never_computed(model, graph))
    for index in _numbers(graph.inputs):
        tensor = graph.tensors[index]
        if 0 in (*_numbers(tensor.shape), *_numbers(tensor.shapeSignature)):
            yield f"input {index} has no elements"


def _never_computed(model: ModelT, graph: SubGraphT) -> Iterator[int]:
    """Yield the outputs of a graph that nothing writes, and whose values are not in the file."""
    written = {index for each in graph.operators or () for index in _numbers(each.outputs)}
    for index in {*_numbers(graph.outputs)} - written - {*_numbers(graph.inputs)}:
        tensor = graph.tensors[index]
        if not (tensor.isVariable or is_constant(model, tensor)):
            yield index


def _wrong_in_tensor(model: ModelT, tensor: TensorT, index: int) -> Iterator[str]:
    if is_constant(model, tensor) and TYPES[tensor.type] in READABLE:
        size, item = len(model.buffers[tensor.buffer].data), np.dtype(TYPES[tensor.type]).itemsize
        if size % item:
            yield f"tensor {index} has {size:,} B, not a multiple of {item} B"


def _numbers(written: Iterable[int] | None) -> tuple[int, ...]:
    """Return a vector of the flatbuffer; empty if it was left out."""
    return () if written is None else tuple(written)

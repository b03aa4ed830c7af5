"""Where in the bytes of a ``.tflite`` the data of buffers, names and scales are.

The object that ``parse`` returns has their values, and no longer their places. Slots are those of
``schema.fbs``: a field's number times 2, plus 4.
"""

from collections.abc import Iterator
from typing import Any

from ai_edge_litert.tools.flatbuffer_utils import schema_fb

from pytest_modelbudget.workers.contents.byte_shares import ByteRange

GRAPH, NAMES, SCALES, PADDING = "graph", "names", "quantization parameters", "padding"
METADATA, UNUSED = "metadata", "buffers that nothing reads"

_LENGTH_BYTES = 4  # before each vector and string
_ALIGNMENT = 16  # of the data of a buffer
_WORD_BYTES = 4  # what follows is aligned to this
_BUFFER_DATA, _METADATA_NAME, _CUSTOM_CODE, _SIGNATURE_KEY, _TENSOR_MAP_NAME = 4, 4, 6, 8, 4
_TENSOR_NAME, _SUBGRAPH_NAME, _DESCRIPTION = 10, 12, 10
_VALUES = 4  # of a vector of positions
_POSITION_BYTES = {
    schema_fb.SparseIndexVector.Int32Vector: 4,
    schema_fb.SparseIndexVector.Uint16Vector: 2,
    schema_fb.SparseIndexVector.Uint8Vector: 1,
}
_PARAMETERS = {4: 4, 6: 4, 8: 4, 10: 8}  # slots of min, max, scale and zero_point; bytes of each

Place = tuple[int, int]
"""A tensor: the number of its subgraph, and its own number there."""


def buffer_numbers(content: bytes) -> dict[Place, int]:
    """Return the numbers of the buffers that tensors refer to."""
    model = schema_fb.Model.GetRootAs(content)
    graphs = [model.Subgraphs(number) for number in range(model.SubgraphsLength())]
    return {
        (number, index): graph.Tensors(index).Buffer()
        for number, graph in enumerate(graphs)
        for index in range(graph.TensorsLength())
    }


def flatbuffer_ranges(content: bytes) -> Iterator[ByteRange]:
    """Yield the ranges of buffers, names and scales; what lies between them is the graph.

    The positions of the values of a tensor in sparse encoding belong to its buffer.

    Padding is what aligns the data of buffers: the zeros behind them, at most 15.

    Args:
        content: A ``.tflite`` that was verified.
    """
    model = schema_fb.Model.GetRootAs(content)
    buffers = [model.Buffers(number) for number in range(model.BuffersLength())]
    for number, buffer in enumerate(buffers):
        if buffer.Offset() > 1:  # behind the flatbuffer
            yield ByteRange(buffer.Offset(), buffer.Offset() + buffer.Size(), number)
            yield from _padding(content, buffer.Offset() + buffer.Size())
        else:
            for start, stop in _vector(buffer, _BUFFER_DATA, 1):
                yield ByteRange(start, stop, number)
                yield from _padding(content, stop)
    yield from (ByteRange(start, stop, NAMES) for start, stop in _names(model))
    for graph in (model.Subgraphs(number) for number in range(model.SubgraphsLength())):
        for tensor in (graph.Tensors(index) for index in range(graph.TensorsLength())):
            parameters = tensor.Quantization()
            for slot, size in _PARAMETERS.items() if parameters else ():
                for start, stop in _vector(parameters, slot, size):
                    yield ByteRange(start - _LENGTH_BYTES, stop, SCALES)
            for start, stop in _positions(tensor):
                yield ByteRange(start, stop, tensor.Buffer())


def metadata_buffers(content: bytes) -> set[int]:
    """Return the numbers of the buffers with metadata."""
    model = schema_fb.Model.GetRootAs(content)
    return {model.Metadata(number).Buffer() for number in range(model.MetadataLength())}


def _positions(tensor: Any) -> Iterator[tuple[int, int]]:
    """Yield where the positions of the values of a tensor in sparse encoding are."""
    sparsity = tensor.Sparsity()
    for number in range(sparsity.DimMetadataLength()) if sparsity else ():
        level = sparsity.DimMetadata(number)
        for kind, table in (
            (level.ArraySegmentsType(), level.ArraySegments()),
            (level.ArrayIndicesType(), level.ArrayIndices()),
        ):
            if kind in _POSITION_BYTES:
                holder = schema_fb.Int32Vector()  # the three types have one field each, the same
                holder.Init(table.Bytes, table.Pos)
                yield from _vector(holder, _VALUES, _POSITION_BYTES[kind])


def _names(model: Any) -> Iterator[tuple[int, int]]:
    yield from _text(model, _DESCRIPTION)
    for number in range(model.OperatorCodesLength()):
        yield from _text(model.OperatorCodes(number), _CUSTOM_CODE)
    for number in range(model.MetadataLength()):
        yield from _text(model.Metadata(number), _METADATA_NAME)
    for graph in (model.Subgraphs(number) for number in range(model.SubgraphsLength())):
        yield from _text(graph, _SUBGRAPH_NAME)
        for index in range(graph.TensorsLength()):
            yield from _text(graph.Tensors(index), _TENSOR_NAME)
    for signature in (model.SignatureDefs(number) for number in range(model.SignatureDefsLength())):
        yield from _text(signature, _SIGNATURE_KEY)
        for index in range(signature.InputsLength()):
            yield from _text(signature.Inputs(index), _TENSOR_MAP_NAME)
        for index in range(signature.OutputsLength()):
            yield from _text(signature.Outputs(index), _TENSOR_MAP_NAME)


def _text(table: Any, slot: int) -> Iterator[tuple[int, int]]:
    """Yield the place of a string with its length and its final zero, if the field is there."""
    for start, stop in _vector(table, slot, 1):
        yield start - _LENGTH_BYTES, stop + 1


def _vector(table: Any, slot: int, item_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield the place of the elements of a vector, if the field is there."""
    fields = table._tab  # the generated classes have the values of a vector, not its place
    offset = fields.Offset(slot)
    if offset:
        start = fields.Vector(offset)
        yield start, start + item_bytes * fields.VectorLen(offset)


def _padding(content: bytes, stop: int) -> Iterator[ByteRange]:
    behind = content[stop : stop + _ALIGNMENT - 1]
    zeros = len(behind) - len(behind.lstrip(b"\0"))
    end = (stop + zeros) // _WORD_BYTES * _WORD_BYTES  # the number that follows may begin with zero
    if end > stop:
        yield ByteRange(stop, end, PADDING)

"""Where the bytes of a ``.tflite`` are."""

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_litert.tools.flatbuffer_utils import ModelT, TensorT

from pytest_modelbudget.judge.contents import Contents, Scales, StoredTensor
from pytest_modelbudget.workers.contents.byte_shares import (
    ByteRange,
    ByteShare,
    Owner,
    byte_shares,
)
from pytest_modelbudget.workers.contents.flatbuffer_ranges import (
    GRAPH,
    METADATA,
    UNUSED,
    Place,
    buffer_numbers,
    flatbuffer_ranges,
    metadata_buffers,
)
from pytest_modelbudget.workers.contents.largest_first import largest_first
from pytest_modelbudget.workers.tflite.integrity import check_integrity
from pytest_modelbudget.workers.tflite.interpreter import open_file
from pytest_modelbudget.workers.tflite.layers import KerasLayers, LayerOperator, find_operators
from pytest_modelbudget.workers.tflite.tflite_file import (
    operator_name,
    parse,
    tensor_name,
    tensor_type,
)
from pytest_modelbudget.workers.tflite.weights import (
    UNPACKING,
    DenseValues,
    is_readable,
    most_unique,
    read_values,
    stored_as,
)
from pytest_modelbudget.workers.userdata.datasets import Array


def tflite_contents(path: Path) -> Contents:
    """Return where the bytes of a ``.tflite`` are.

    Args:
        path: The file. Without the file ``KERAS_LAYERS`` beside it, layers are known by the names
            of tensors.

    Raises:
        JobError: If the file is missing, damaged or of another format.
    """
    open_file(path)
    content = path.read_bytes()
    check_integrity(content, str(path))
    model = parse(content)
    ranges = [*flatbuffer_ranges(content), *_appended(content)]
    shares = byte_shares([content], ranges, GRAPH)
    numbers = buffer_numbers(content)
    found = find_operators(model, KerasLayers.read(path.parent))
    tensors = {}
    for place, operator in _by_reader(model, found):
        number = numbers[place]
        if number in shares and number not in tensors:
            tensor = model.subgraphs[place[0]].tensors[place[1]]
            data = model.buffers[tensor.buffer].data
            tensors[number] = _describe(tensor, data, operator, shares[number])
    others = _others(shares, tensors.keys(), metadata_buffers(content))
    return largest_first("the .tflite", len(content), tensors.values(), others)


def _appended(content: bytes) -> Iterator[ByteRange]:
    """Yield the range of the files, such as labels, that are appended as a ZIP archive."""
    stream = io.BytesIO(content)
    if zipfile.is_zipfile(stream):
        with zipfile.ZipFile(stream) as archive:
            starts = [member.header_offset for member in archive.infolist()]
        yield from (ByteRange(start, len(content), METADATA) for start in starts)


def _by_reader(
    model: ModelT, found: list[LayerOperator]
) -> Iterator[tuple[Place, LayerOperator | None]]:
    """Yield all tensors: first those that an operator reads, with the first that does.

    What is unpacked by DENSIFY or DEQUANTIZE is read by what reads the result.
    """
    unpacking: dict[Place, LayerOperator] = {}
    places = iter(found)
    for number, graph in enumerate(model.subgraphs):
        origin = stored_as(model, graph)
        for operator in graph.operators or ():
            known = next(places)
            indices = [index for index in operator.inputs or () if index >= 0]
            if operator_name(model, operator) in UNPACKING:
                unpacking |= {(number, index): known for index in indices}
            else:
                yield from (((number, origin.get(index, index)), known) for index in indices)
    yield from unpacking.items()
    for number, graph in enumerate(model.subgraphs):
        yield from (((number, index), None) for index in range(len(graph.tensors)))


def _describe(
    tensor: TensorT, data: Array, operator: LayerOperator | None, share: ByteShare
) -> StoredTensor:
    dense = read_values(tensor, data) if is_readable(tensor) else None
    return StoredTensor(
        name=tensor_name(tensor),
        layer=", ".join(operator.paths) if operator else "",
        operator=operator.name if operator else "",
        dtype=tensor_type(tensor),
        shape=tuple(map(int, tensor.shape if tensor.shape is not None else ())),
        size_bytes=share.size_bytes,
        gzip_bytes=share.gzip_bytes,
        sparsity=float(dense.is_zero.mean()) if dense else None,
        unique=_unique(dense) if dense else None,
        scales=_scales(tensor),
    )


def _unique(dense: DenseValues) -> int:
    is_vector = dense.values.ndim < 2  # such as a bias, with one value for each channel
    return most_unique(dense.values, None if is_vector else dense.channel_axis)


def _scales(tensor: TensorT) -> Scales:
    parameters = tensor.quantization
    if parameters is None:
        return "none"
    if isinstance(parameters.details, flatbuffer_utils.BlockwiseQuantizationT):
        return "blockwise"
    if parameters.scale is None or len(parameters.scale) == 0:
        return "none"
    return "per tensor" if len(parameters.scale) == 1 else "per channel"


def _others(
    shares: Mapping[Owner, ByteShare], constants: Iterable[int], metadata: set[int]
) -> Iterator[tuple[str, ByteShare]]:
    """Yield what is not the values of a tensor, by its name; a name may come several times."""
    for owner in shares.keys() - constants:
        kind = METADATA if owner in metadata else UNUSED
        yield owner if isinstance(owner, str) else kind, shares[owner]

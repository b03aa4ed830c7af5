"""Where in a ``.keras`` file its variables and its other members are."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.export.keras_file_writer import (
    CONFIG,
    OPTIMIZER,
    WEIGHTS,
)
from pytest_modelbudget.workers.contents.byte_shares import ByteRange, inflated_at
from pytest_modelbudget.workers.userdata.datasets import Array

CONFIGURATION, ASSETS, REST = "configuration", "assets", "file structure and metadata"

_LOCAL_HEADER = struct.Struct("<26xHH")  # up to the lengths of the name and of the extra field
_NO_HEADER = -15  # wbits of a deflated member

_Place = Callable[[list[int]], list[int]]
"""From places in a member, in ascending order, to those in the file."""


@dataclass(frozen=True, eq=False)
class KerasVariable:
    """A variable in a ``.keras`` file.

    Attributes:
        path: In the HDF5 file, such as ``layers/dense/vars/0``.
        layer: The names of its layer and of those around it, ``outer/inner``; ``optimizer`` for a
            variable of the optimizer; its group where the file does not name the layer.
        layer_class: Such as ``Dense``; empty if it is not known.
        values: All of them.
        places: Where in the ``.keras`` file they are.
    """

    path: str
    layer: str
    layer_class: str
    values: Array
    places: tuple[tuple[int, int], ...]

    @property
    def is_of_optimizer(self) -> bool:
        """Whether it belongs to the optimizer."""
        return self.path.startswith(f"{OPTIMIZER}/")


@dataclass(frozen=True)
class KerasFileLayout:
    """The variables of a ``.keras`` file, and the ranges of its other members."""

    variables: tuple[KerasVariable, ...]
    others: tuple[ByteRange, ...]


def keras_file_layout(path: Path) -> KerasFileLayout:
    """Read where everything in a ``.keras`` file is.

    Raises:
        JobError: If the file is damaged, or has no weights.
    """
    content = path.read_bytes()
    others = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                start = _data_start(content, member)
                if kind := _kind(member.filename):
                    others.append(ByteRange(start, start + member.compress_size, kind))
            config = json.loads(archive.read(CONFIG))
            place = _place(content, archive.getinfo(WEIGHTS))
            variables = tuple(_variables(archive.read(WEIGHTS), place, _classes(config)))
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, struct.error, ValueError) as error:
        cause = f"{path} is a damaged .keras file: {error}"
        raise JobError(cause, "copy it or save the model again") from error
    except KeyError as error:
        cause = f"{path} is not a .keras file: {error.args[0]}"
        raise JobError(cause, "name a file that model.save('name.keras') wrote") from error
    return KerasFileLayout(variables, tuple(others))


def _kind(member: str) -> str:
    """Return what a member is, beside weights and metadata."""
    return CONFIGURATION if member == CONFIG else ASSETS if member.startswith("assets/") else ""


def _data_start(content: bytes, member: zipfile.ZipInfo) -> int:
    name, extra = _LOCAL_HEADER.unpack_from(content, member.header_offset)
    return int(member.header_offset + _LOCAL_HEADER.size + name + extra)


def _place(content: bytes, member: zipfile.ZipInfo) -> _Place:
    start = _data_start(content, member)
    if member.compress_type == zipfile.ZIP_STORED:
        return lambda inside: [start + each for each in inside]
    if member.compress_type != zipfile.ZIP_DEFLATED:
        raise zipfile.BadZipFile(f"the compression of {member.filename} is unsupported")
    packed = content[start : start + member.compress_size]

    def inflated(inside: list[int]) -> list[int]:
        lengths = [end - before for before, end in zip([0, *inside], inside, strict=False)]
        return [start + each for each in inflated_at(packed, _NO_HEADER, lengths)]

    return inflated


def _variables(
    weights: bytes, place: _Place, classes: Mapping[str, str]
) -> Iterator[KerasVariable]:
    found: dict[str, h5py.Dataset] = {}
    with h5py.File(io.BytesIO(weights)) as file:
        file.visititems(lambda name, item: _add(found, name, item))
        inside = {name: list(_ranges(dataset)) for name, dataset in found.items()}
        edges = sorted({edge for ranges in inside.values() for each in ranges for edge in each})
        outside = dict(zip(edges, place(edges), strict=True))
        for name, dataset in found.items():
            layer = _layer(file, name)
            yield KerasVariable(
                path=name,
                layer=layer,
                layer_class=classes.get(layer.rpartition("/")[2], ""),
                values=dataset[()],
                places=tuple((outside[start], outside[stop]) for start, stop in inside[name]),
            )


def _add(found: dict[str, h5py.Dataset], name: str, item: object) -> None:
    if isinstance(item, h5py.Dataset):
        found[name] = item


def _ranges(dataset: h5py.Dataset) -> Iterator[tuple[int, int]]:
    """Yield where in the HDF5 file the values of a dataset are."""
    if dataset.chunks:
        for number in range(dataset.id.get_num_chunks()):
            chunk = dataset.id.get_chunk_info(number)
            yield chunk.byte_offset, chunk.byte_offset + chunk.size
    elif (start := dataset.id.get_offset()) is not None:
        yield start, start + dataset.nbytes


def _layer(file: h5py.File, name: str) -> str:
    """Return the layer of a variable; Keras 3 writes its name to the group of its variables."""
    if name.startswith(f"{OPTIMIZER}/"):
        return OPTIMIZER
    group = name.rpartition("/vars/")[0]
    folders = group.split("/")
    around = ["/".join(folders[:count]) for count in range(1, len(folders) + 1)]
    names = [file[f"{each}/vars"].attrs.get("name") for each in around if f"{each}/vars" in file]
    return "/".join(names) if names and all(names) else group


def _classes(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the classes of all layers by their names, also of those in nested models."""
    classes = {}
    nested = [config]
    while nested:
        for layer in nested.pop().get("config", {}).get("layers", ()):
            classes[layer["config"].get("name", "")] = layer["class_name"]
            nested.append(layer)
    return classes

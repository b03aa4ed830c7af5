"""Where the bytes of a SavedModel are."""

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pytest_modelbudget.judge.contents import Contents, StoredTensor
from pytest_modelbudget.judge.results.artifact_forms import SAVED_MODEL_GRAPH, Part
from pytest_modelbudget.protocol.digests import files_below
from pytest_modelbudget.workers.compress.export.saved_variables import (
    VARIABLES,
    SavedVariable,
    damaged,
    saved_variables,
)
from pytest_modelbudget.workers.compress.export.wire_format import fields
from pytest_modelbudget.workers.contents.archive import tar_archive
from pytest_modelbudget.workers.contents.byte_shares import (
    ByteRange,
    ByteShare,
    byte_shares,
    tiles,
)
from pytest_modelbudget.workers.contents.largest_first import largest_first
from pytest_modelbudget.workers.contents.values import sparsity, unique

OPTIMIZER, UNREAD = "optimizer variables", "variables that no signature reads"
FUNCTIONS, ASSETS, DEBUG = "graph functions", "assets", "debug information"
METADATA, ARCHIVE = "fingerprint and metadata", "archive of the folder"
_FOLDERS = {"assets": ASSETS, "assets.extra": ASSETS, "debug": DEBUG}
_META_GRAPHS, _GRAPH_DEF = 2, 2  # the numbers of fields in SavedModel and in MetaGraphDef


def saved_model_parts(folder: Path) -> tuple[Part, ...]:
    """Return the parts of a SavedModel; their bytes add up to those of all of its files.

    Raises:
        JobError: If it is damaged.
    """
    variables = saved_variables(folder)
    sizes: Counter[str] = Counter()
    for file in files_below(folder):
        for each in _ranges(folder, file, variables):
            name = each.owner if isinstance(each.owner, str) else _kind(variables[each.owner])
            sizes[name] += each.stop - each.start
    return tuple(Part(name=name, size_bytes=size) for name, size in sizes.items() if size)


def saved_model_contents(folder: Path) -> Contents:
    """Return where the bytes of a SavedModel are, with those of its variables.

    Raises:
        JobError: If it is damaged.
    """
    variables = saved_variables(folder)
    archive, starts = tar_archive(folder)
    ranges = [
        ByteRange(starts[file] + each.start, starts[file] + each.stop, each.owner)
        for file in starts
        for each in _ranges(folder, folder / file, variables)
    ]
    shares = dict(byte_shares([archive], ranges, ARCHIVE))
    shares[ARCHIVE] = ByteShare(0, shares[ARCHIVE].gzip_bytes)  # of what is in no file
    tensors = [
        _describe(
            variable, archive[starts[f"{VARIABLES}/{variable.stored.file}"] :], shares[number]
        )
        for number, variable in enumerate(variables)
    ]
    others = [(owner, share) for owner, share in shares.items() if isinstance(owner, str)]
    size_bytes = sum(each.stop - each.start for each in ranges)
    return largest_first("the SavedModel", size_bytes, tensors, others)


def _ranges(folder: Path, file: Path, variables: list[SavedVariable]) -> list[ByteRange]:
    """Return ranges that cover a file; the owner of a variable's values is its number."""
    name = file.relative_to(folder).parts
    found: Iterator[ByteRange] = iter(())
    if name == (SAVED_MODEL_GRAPH,):
        found = _functions(file)
    elif name[0] == VARIABLES:
        found = (
            ByteRange(each.start, each.start + each.size_bytes, number)
            for number, each in enumerate(variable.stored for variable in variables)
            if each.file == file.name
        )
    return tiles(file.stat().st_size, found, _FOLDERS.get(name[0], METADATA))


def _functions(file: Path) -> Iterator[ByteRange]:
    """Yield where the graphs are, with their functions."""
    content = file.read_bytes()
    try:
        for number, start, stop in fields(content, 0, len(content)):
            for inner, first, last in (
                fields(content, start, stop) if number == _META_GRAPHS else ()
            ):
                if inner == _GRAPH_DEF:
                    yield ByteRange(first, last, FUNCTIONS)
    except (IndexError, KeyError) as error:
        raise damaged(file.parent, error) from error


def _kind(variable: SavedVariable) -> str:
    """Return what a variable is, such as ``kernel variables``."""
    if variable.reader == "signature":
        return f"{variable.name.rpartition('/')[2] or 'other'} variables"
    return OPTIMIZER if variable.reader == "optimizer" else UNREAD


def _describe(variable: SavedVariable, stored_from: bytes, share: ByteShare) -> StoredTensor:
    stored = variable.stored
    dtype = stored.dtype.as_numpy_dtype
    count = math.prod(stored.shape)
    values = np.frombuffer(stored_from, dtype, count, stored.start).reshape(stored.shape)
    is_slot = variable.reader == "optimizer"
    return StoredTensor(
        name=variable.name,
        layer=variable.reader if is_slot else variable.name.rpartition("/")[0],
        operator=variable.reader,
        dtype=stored.dtype.name,
        shape=stored.shape,
        size_bytes=share.size_bytes,
        gzip_bytes=share.gzip_bytes,
        sparsity=sparsity(values),
        unique=unique(values),
    )

"""Where the bytes of a ``.keras`` file are."""

from collections import Counter
from pathlib import Path

from pytest_modelbudget.judge.contents import Contents, StoredTensor
from pytest_modelbudget.judge.results.artifact_forms import Part
from pytest_modelbudget.workers.compress.export.keras_file_layout import (
    REST,
    KerasVariable,
    keras_file_layout,
)
from pytest_modelbudget.workers.compress.export.keras_file_writer import OPTIMIZER
from pytest_modelbudget.workers.contents.byte_shares import (
    NOTHING,
    ByteRange,
    ByteShare,
    byte_shares,
)
from pytest_modelbudget.workers.contents.largest_first import largest_first
from pytest_modelbudget.workers.contents.values import sparsity, unique


def keras_file_parts(path: Path) -> tuple[Part, ...]:
    """Return the parts of a ``.keras`` file; their bytes add up to those of the file."""
    layout = keras_file_layout(path)
    sizes: Counter[str] = Counter()
    for variable in layout.variables:
        kind = "optimizer variables" if variable.is_of_optimizer else "layer variables"
        sizes[kind] += sum(stop - start for start, stop in variable.places)
    for each in layout.others:
        sizes[str(each.owner)] += each.stop - each.start
    sizes[REST] = path.stat().st_size - sizes.total()
    return tuple(Part(name=name, size_bytes=size) for name, size in sizes.items())


def keras_file_contents(path: Path) -> Contents:
    """Return where the bytes of a ``.keras`` file are, with those of its variables.

    Raises:
        JobError: If the file is damaged, or has no weights.
    """
    layout = keras_file_layout(path)
    ranges = [
        ByteRange(start, stop, number)
        for number, variable in enumerate(layout.variables)
        for start, stop in variable.places
    ]
    shares = byte_shares([path.read_bytes()], [*ranges, *layout.others], REST)
    tensors = [
        _describe(variable, shares.get(number, NOTHING))
        for number, variable in enumerate(layout.variables)
    ]
    others = [(owner, share) for owner, share in shares.items() if isinstance(owner, str)]
    return largest_first("the .keras file", path.stat().st_size, tensors, others)


def _describe(variable: KerasVariable, share: ByteShare) -> StoredTensor:
    return StoredTensor(
        name=variable.path,
        layer=variable.layer,
        operator=OPTIMIZER if variable.is_of_optimizer else variable.layer_class,
        dtype=variable.values.dtype.name,
        shape=variable.values.shape,
        size_bytes=share.size_bytes,
        gzip_bytes=share.gzip_bytes,
        sparsity=sparsity(variable.values),
        unique=unique(variable.values),
    )

"""Where the bytes of an artifact are, as ``modelbudget inspect`` prints it."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from pytest_modelbudget.judge.contents import Contents, Grouping, StoredPart, StoredTensor
from pytest_modelbudget.report.columns import Column, fitted
from pytest_modelbudget.units.format import format_bytes

_MOST_TENSORS, _MOST_TOTALS = 20, 10
_TITLES: Mapping[Grouping, str] = MappingProxyType(
    {"layer": "layer", "operator": "read by", "dtype": "dtype"}
)
_LEAST_SHARE = 0.1  # in per cent


def contents_table(name: str, contents: Contents, width: int, *, whole: bool) -> Iterator[str]:
    """Yield the lines about one artifact.

    Args:
        name: Of the file.
        contents: What is in it.
        width: The characters of a line.
        whole: Whether tables show all rows, not only the largest.
    """
    gzip = format_bytes(contents.gzip_bytes)
    yield f"{name}: {format_bytes(contents.size_bytes)}, gzip {gzip}"

    def section(title: str, parts: Sequence[StoredPart], most: int) -> Iterator[str]:
        shown = parts if whole else parts[:most]
        if shown:
            yield ""
            yield from fitted(_columns(shown, contents), Column(title, _names(shown)), width)
        if left := parts[len(shown) :]:
            size_bytes = format_bytes(sum(part.size_bytes for part in left))
            yield f"and {len(left):,} more with {size_bytes}: --all shows them"

    yield from section("tensor", contents.tensors, _MOST_TENSORS)
    for by in _TITLES:
        totals = contents.totals(by)
        yield from section(_TITLES[by], totals if len(totals) > 1 else (), _MOST_TOTALS)
    yield from section("not a tensor", contents.others, _MOST_TOTALS)


def _columns(parts: Sequence[StoredPart], whole: Contents) -> list[Column]:
    sizes = [f"{part.size_bytes:,}" for part in parts]
    gzipped = [f"{part.gzip_bytes:,}" for part in parts]
    width, gzip_width = len(f"{whole.size_bytes:,}"), len(f"{whole.gzip_bytes:,}")
    shares = [_share(part.size_bytes, whole.size_bytes) for part in parts]
    gzip_shares = [_share(part.gzip_bytes, whole.gzip_bytes) for part in parts]
    tensors = [part for part in parts if isinstance(part, StoredTensor)]
    return [
        Column("bytes".rjust(width), [size.rjust(width) for size in sizes]),
        Column("share", shares, rank=3),
        Column("gzip".rjust(gzip_width), [size.rjust(gzip_width) for size in gzipped]),
        Column("share", gzip_shares, rank=2),
        *_tensor_columns(tensors),
    ]


def _tensor_columns(tensors: Sequence[StoredTensor]) -> list[Column]:
    scales = ["" if each.scales == "none" else each.scales for each in tensors]
    return [
        Column("dtype", [each.dtype for each in tensors], is_right=False, rank=1),
        Column("shape", [format_shape(each.shape) for each in tensors], is_right=False, rank=4),
        Column("zeros", [format_zeros(each) for each in tensors], rank=5),
        Column("unique", [_count(each.unique) for each in tensors], rank=6),
        Column("quantized", scales, is_right=False, rank=7),
        Column("read by", [each.operator for each in tensors], is_right=False, rank=8),
    ]


def format_shape(shape: Sequence[int]) -> str:
    """Return a shape such as ``64x3x3x32``; ``scalar`` if it has no axis."""
    return "x".join(map(str, shape)) or "scalar"


def _names(parts: Sequence[StoredPart]) -> list[str]:
    return [shown_name(part) for part in parts]


def shown_name(part: StoredPart) -> str:
    """Return the first of the names that the converter joined; without one, the layer."""
    name = part.name.partition(";")[0] or getattr(part, "layer", "") or "(unknown)"
    return "".join(each if each.isprintable() else "?" for each in name)


def _share(part: int, whole: int) -> str:
    if not whole or not part:
        return ""
    share = 100 * part / whole
    return f"{share:4.1f} %" if share >= _LEAST_SHARE else "<0.1 %"


def format_zeros(tensor: StoredTensor) -> str:
    """Return the share of zeros; empty if the values are not numbers."""
    return "" if tensor.sparsity is None else f"{100 * tensor.sparsity:.1f} %"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"

"""What differs between two artifacts, as ``modelbudget inspect --diff`` prints it."""

from collections.abc import Callable, Iterator, Sequence

from pytest_modelbudget.judge.contents import Contents, StoredPart, StoredTensor
from pytest_modelbudget.judge.contents_diff import Change, TensorChange, diff
from pytest_modelbudget.report.columns import Column, fitted
from pytest_modelbudget.report.contents_table import (
    format_shape,
    format_zeros,
    shown_name,
)
from pytest_modelbudget.units.format import format_bytes, format_share

_MOST = 20
# The deflated size of a tensor that is trained again changes by up to about this much.
_NOTABLE_SHARE, _NOTABLE_BYTES = 0.02, 16


def contents_diff_table(
    names: tuple[str, str], old: Contents, new: Contents, width: int, *, whole: bool
) -> Iterator[str]:
    """Yield the lines about two artifacts.

    Args:
        names: Of the old and the new file.
        old: What is in the old file.
        new: What is in the new file.
        width: The characters of a line.
        whole: Whether all changes are shown, not only the largest.
    """
    yield f"{names[0]} -> {names[1]}"
    yield f"bytes  {_growth(old.size_bytes, new.size_bytes)}"
    yield f"gzip   {_growth(old.gzip_bytes, new.gzip_bytes)}"
    changes = diff(old, new)
    notable = [each for each in changes.tensors if whole or _is_notable(each)]
    shown = notable if whole else notable[:_MOST]
    yield from _section("tensor", shown, width)
    if left := notable[len(shown) :]:
        growth = sum(each.growth_bytes for each in left)
        yield f"and {len(left):,} more, {growth:+,} B: --all shows them"
    if same := len(changes.tensors) - len(notable):
        yield f"and {same:,} more with the same size and different values: --all shows them"
    yield from _section("not a tensor", changes.others, width)


def _section(title: str, changes: Sequence[Change], width: int) -> Iterator[str]:
    if changes:
        yield ""
        yield from fitted(
            _columns(changes), Column(title, [_label(each) for each in changes]), width
        )


def _columns(changes: Sequence[Change]) -> list[Column]:
    tensors = [each for each in changes if isinstance(each, TensorChange)]
    return [
        Column("old", [_size(each.old) for each in changes], rank=2),
        Column("new", [_size(each.new) for each in changes], rank=1),
        Column("growth", [_signed(each.growth_bytes) for each in changes]),
        Column("gzip", [_signed(each.gzip_growth_bytes) for each in changes]),
        Column("dtype", [_both(each, _dtype) for each in tensors], is_right=False, rank=3),
        Column("shape", [_both(each, _shape) for each in tensors], is_right=False, rank=4),
        Column("zeros", [_both(each, format_zeros) for each in tensors], is_right=False, rank=5),
        Column("read by", [_both(each, _operator) for each in tensors], is_right=False, rank=6),
    ]


def _both(change: TensorChange, shown: Callable[[StoredTensor], str]) -> str:
    """Return what is shown of a tensor, before and after if that differs."""
    texts = dict.fromkeys(shown(each) for each in (change.old, change.new) if each)
    return " -> ".join(texts)


def _dtype(tensor: StoredTensor) -> str:
    return tensor.dtype


def _shape(tensor: StoredTensor) -> str:
    return format_shape(tensor.shape)


def _operator(tensor: StoredTensor) -> str:
    return tensor.operator


def _size(part: StoredPart | None) -> str:
    return f"{part.size_bytes:,}" if part else "-"


def _signed(growth: int) -> str:
    return f"{growth:+,}" if growth else "0"


def _label(change: Change) -> str:
    part = change.new or change.old
    assert part, "one of two artifacts has it"
    what = "" if change.old and change.new else " (appeared)" if change.new else " (went)"
    return shown_name(part) + what


def _is_notable(change: TensorChange) -> bool:
    """Tell whether more differs than the values of a tensor that was trained again."""
    old, new = change.old, change.new
    if old is None or new is None or change.growth_bytes:
        return True
    is_other = (old.dtype, old.shape, old.scales) != (new.dtype, new.shape, new.scales)
    most = max(old.gzip_bytes, new.gzip_bytes)
    return is_other or abs(change.gzip_growth_bytes) > max(_NOTABLE_SHARE * most, _NOTABLE_BYTES)


def _growth(old: int, new: int) -> str:
    """Return both sizes and by how much the second is larger or smaller."""
    more = f"{format_bytes(abs(new - old))} {'more' if new > old else 'less'}"
    share = f" ({format_share(abs(new - old) / old)})" if old else ""
    sizes = f"{format_bytes(old)} -> {format_bytes(new)}"
    return f"{sizes}, {more}{share}" if new != old else f"{format_bytes(new)} as before"

"""Where the bytes of an artifact are, in a few lines for the text of a failure."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pytest_modelbudget.judge.contents import Contents, StoredPart
from pytest_modelbudget.judge.contents_diff import Change, ContentsDiff
from pytest_modelbudget.report.columns import shortened
from pytest_modelbudget.report.contents_table import shown_name
from pytest_modelbudget.units.format import format_bytes, format_share

_MOST, _NAME = 3, 50
T = TypeVar("T")


def largest(contents: Contents, *, deflated: bool) -> list[str]:
    """Return a line for each of the three largest tensors, with their shares of the artifact.

    Args:
        contents: Of the artifact.
        deflated: Whether the bytes of the deflated artifact count.
    """

    def size(part: StoredPart) -> int:
        return part.gzip_bytes if deflated else part.size_bytes

    whole = contents.gzip_bytes if deflated else contents.size_bytes
    found = _most(contents.tensors, contents.others, size)
    amounts = [f"{format_bytes(size(each))} ({format_share(size(each) / whole)})" for each in found]
    return _lines(amounts, [_name(each) for each in found])


def grown(diff: ContentsDiff, *, deflated: bool) -> list[str]:
    """Return a line for each of the three tensors that grew most; none if nothing grew.

    Args:
        diff: What differs from the artifact that was accepted.
        deflated: Whether the bytes of the deflated artifact count.
    """

    def growth(change: Change) -> int:
        return change.gzip_growth_bytes if deflated else change.growth_bytes

    found = _most(diff.tensors, diff.others, growth)
    amounts = [f"+{format_bytes(growth(each))}" for each in found]
    return _lines(amounts, [_new_name(each) for each in found])


def _most(tensors: Sequence[T], others: Sequence[T], size: Callable[[T], int]) -> list[T]:
    """Return three tensors, and the largest of the others if it is larger than one of them.

    Where there are fewer than three tensors, others take their place.
    """
    found = [each for each in sorted(tensors, key=size, reverse=True) if size(each) > 0][:_MOST]
    least = size(found[-1]) if len(found) == _MOST else 0
    room = max(1, _MOST - len(found))
    beside = [each for each in sorted(others, key=size, reverse=True) if size(each) > least]
    return sorted([*found, *beside[:room]], key=size, reverse=True)


def _lines(amounts: Sequence[str], names: Sequence[str]) -> list[str]:
    width = max(map(len, amounts), default=0)
    return [f"{amount:>{width}}  {name}" for amount, name in zip(amounts, names, strict=True)]


def _name(part: StoredPart) -> str:
    return shortened(shown_name(part), _NAME)


def _new_name(change: Change) -> str:
    assert change.new, "a tensor that disappeared has not grown"
    return _name(change.new) + ("" if change.old else " (appeared)")

"""What grew, appeared and disappeared between two artifacts: pure."""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import computed_field

from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.judge.contents import Contents, StoredPart, StoredTensor

# The converter numbers these across the whole model, so an inserted layer changes the numbers.
_COUNTED = re.compile(r"(arith\.constant|std\.constant|tfl\.pseudo_q?const|Const)_?\d*")

C = TypeVar("C", bound="Change")


class Change(Frozen):
    """What differs in two artifacts; ``old`` or ``new`` is None if only one of them has it."""

    old: StoredPart | None
    new: StoredPart | None

    @computed_field  # type: ignore[prop-decorator]  # https://github.com/python/mypy/issues/1362
    @property
    def growth_bytes(self) -> int:
        """By how much it grew in the file; negative if it shrank."""
        return (self.new.size_bytes if self.new else 0) - (self.old.size_bytes if self.old else 0)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def gzip_growth_bytes(self) -> int:
        """By how much it grew in the deflated file."""
        return (self.new.gzip_bytes if self.new else 0) - (self.old.gzip_bytes if self.old else 0)


class TensorChange(Change):
    """A tensor that differs in two artifacts."""

    old: StoredTensor | None
    new: StoredTensor | None


class ContentsDiff(Frozen):
    """What differs between two artifacts.

    Attributes:
        growth_bytes: By how much the file grew: the sum over all changes.
        gzip_growth_bytes: The same of the deflated file.
        tensors: What grew or shrank most first.
        others: The same of what is not a tensor.
    """

    growth_bytes: int
    gzip_growth_bytes: int
    tensors: Sequence[TensorChange]
    others: Sequence[Change]


@dataclass(frozen=True)
class ContentsSince:
    """Where the bytes of an artifact are, and what grew since another was accepted.

    Attributes:
        contents: Of the artifact.
        growth: None if nothing was accepted, or if it is not known.
        unknown: Why ``growth`` is not known although something was accepted; else empty.
    """

    contents: Contents
    growth: ContentsDiff | None
    unknown: str = ""


def diff(old: Contents, new: Contents) -> ContentsDiff:
    """Return what differs between two artifacts.

    Tensors are matched by name, layer, operator and shape. Names change if a model is quantized
    or converted again, so the other tensors are matched by the further keys of ``_KEYS``.
    """
    before, after = ({part.name: part for part in each.others} for each in (old, new))
    tensors = [TensorChange(old=one, new=other) for one, other in _match(old.tensors, new.tensors)]
    others = [Change(old=before.get(name), new=after.get(name)) for name in before | after]
    return ContentsDiff(
        growth_bytes=new.size_bytes - old.size_bytes,
        gzip_growth_bytes=new.gzip_bytes - old.gzip_bytes,
        tensors=_largest_first(tensors),
        others=_largest_first(others),
    )


def _largest_first(changes: Iterable[C]) -> tuple[C, ...]:
    """Return the changes that are not only of names, the largest first."""
    found = [each for each in changes if not _are_alike(each.old, each.new)]
    return tuple(sorted(found, key=_extent, reverse=True))


def _are_alike(old: StoredPart | None, new: StoredPart | None) -> bool:
    """Tell whether two parts differ in nothing but names."""
    return old is not None and new is not None and _unnamed(old) == _unnamed(new)


def _unnamed(part: StoredPart) -> StoredPart:
    names = ("name", "layer") if isinstance(part, StoredTensor) else ("name",)
    return part.model_copy(update=dict.fromkeys(names, ""))


def _extent(change: Change) -> tuple[int, int]:
    return abs(change.growth_bytes), abs(change.gzip_growth_bytes)


_Key = Callable[[StoredTensor], Hashable | None]
"""What two tensors must have in common; None for a tensor that cannot be matched by it."""


def _own_name(tensor: StoredTensor) -> str | None:
    return None if _COUNTED.fullmatch(tensor.name) else tensor.name or None


_KEYS: tuple[_Key, ...] = (
    lambda each: (each.name, each.layer, each.operator, each.shape) if each.name else None,
    lambda each: (each.layer, each.operator, each.shape) if each.layer else None,
    lambda each: (each.name, each.shape) if _own_name(each) else None,
    _own_name,
    lambda each: (each.layer, each.operator, len(each.shape)) if each.layer else None,
    lambda each: (each.operator, each.shape),
)
"""A tensor that one key has matched is not compared by the keys after it."""


def _match(
    old: Iterable[StoredTensor], new: Iterable[StoredTensor]
) -> Iterator[tuple[StoredTensor | None, StoredTensor | None]]:
    """Yield the tensors in pairs, and alone those that only one artifact has."""
    before, after = dict(enumerate(old)), dict(enumerate(new))
    for key in _KEYS:
        numbers = _grouped(after, key)
        for common, own in _grouped(before, key).items():
            for one, other in zip(own, numbers.get(common, ()), strict=False):
                yield before.pop(one), after.pop(other)
    yield from ((each, None) for each in before.values())
    yield from ((None, each) for each in after.values())


def _grouped(tensors: Mapping[int, StoredTensor], key: _Key) -> Mapping[Hashable, list[int]]:
    """Return the numbers of the tensors that have the same key."""
    groups = defaultdict[Hashable, list[int]](list)
    for number, tensor in tensors.items():
        if (found := key(tensor)) is not None:
            groups[found].append(number)
    return groups

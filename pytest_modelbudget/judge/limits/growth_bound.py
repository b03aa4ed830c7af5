"""How a limit of growth is written: as a share, as an amount, or as both."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Tag

from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.judge.findings import Allowed
from pytest_modelbudget.units.invalid import InvalidValueError
from pytest_modelbudget.units.table import UNITS, BaseUnit, Quantity
from pytest_modelbudget.units.written import Count, Drop, Duration, Share, Size

Since = Literal["accepted", "anchor"]


@dataclass(frozen=True)
class GrowthBound:
    """The growth that is allowed; it is exceeded where both of its bounds are.

    Attributes:
        relative: As a share of what was accepted; None if only the amount counts.
        absolute: In the base unit of the figure; None if only the share counts.
        since: Whether growth counts from the value that was accepted last, or from the first.
    """

    relative: float | None = None
    absolute: Quantity | None = None
    since: Since = "accepted"

    def allowed(self, reference: float, base: BaseUnit) -> Allowed:
        """Return the larger of the two bounds for a figure that was ``reference``."""
        share = None if self.relative is None else self.relative * abs(reference)
        if self.absolute and (share is None or self.absolute.value >= share):
            return Allowed(self.absolute.value, base, self.absolute.unit)
        assert self.relative is not None, "the reader requires one of them"
        if reference == 0:  # nothing is a share of it
            return Allowed(0.0, base, next(iter(UNITS[base])))
        return Allowed(self.relative, "share", "%")


class SizeGrowth(Frozen):
    """The growth of a size, written as a mapping; the other mappings have the same keys."""

    relative: Share | None = None
    absolute: Size | None = None
    since: Since = "accepted"


class _CountGrowth(Frozen):
    relative: Share | None = None
    absolute: Count | None = None
    since: Since = "accepted"


class _DurationGrowth(Frozen):
    relative: Share | None = None
    absolute: Duration | None = None
    since: Since = "accepted"


class _ScoreLoss(Frozen):
    relative: Share | None = None
    absolute: Drop | None = None
    since: Since = "accepted"


def _is_share(value: object) -> bool:
    return isinstance(value, str) and value.rstrip().endswith("%")


def _form(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a share" if _is_share(value) else "an amount"


def _of_share(share: Quantity) -> GrowthBound:
    return GrowthBound(relative=share.value)


def _of_amount(amount: Quantity) -> GrowthBound:
    return GrowthBound(absolute=amount)


def _of_mapping(value: SizeGrowth | _CountGrowth | _DurationGrowth | _ScoreLoss) -> GrowthBound:
    if value.relative is None and value.absolute is None:
        hint = "write {relative: 1%}, or absolute with an amount, or both"
        raise InvalidValueError("there is neither relative nor absolute", hint)
    relative = value.relative.value if value.relative else None
    return GrowthBound(relative, value.absolute, value.since)


def _written(amount: Any, mapping: type[Frozen]) -> Any:
    return Annotated[
        Annotated[Share, AfterValidator(_of_share), Tag("a share")]
        | Annotated[amount, AfterValidator(_of_amount), Tag("an amount")]
        | Annotated[mapping, AfterValidator(_of_mapping), Tag("a mapping")],
        Discriminator(_form),
    ]


WRITTEN: Mapping[BaseUnit, Any] = MappingProxyType(
    {
        "bytes": _written(Size, SizeGrowth),
        "count": _written(Count, _CountGrowth),
        "seconds": _written(Duration, _DurationGrowth),
        "score": _written(Drop, _ScoreLoss),
    }
)
"""The pydantic type that reads the growth of a figure, by the figure's base unit."""

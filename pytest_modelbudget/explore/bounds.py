"""Limits that a measured variant passes, with room for changes that are not the user's."""

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_modelbudget.explore.measured import MeasuredVariant
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.report.row_text import amounts
from pytest_modelbudget.units.format import format_bound

LATENCY_ROOM = 1.5
"""Of a ratio to the float model: kernels differ more between CPUs than between two models."""

_USELESS_DROP = 0.5  # the reader refuses a drop that every model passes


@dataclass(frozen=True)
class Bound:
    """One line of ``budget:``: the limit, its value as it is written, and what was measured."""

    limit: str
    written: str
    measured: str


def bounds_of(variant: MeasuredVariant, headroom: float) -> Iterator[Bound]:
    """Yield the limits of a variant.

    Args:
        variant: What was measured of it.
        headroom: The share by which a size may grow; for the score see ``docs/tutorial.md``.
    """
    for name in ("bytes", "gzip_bytes"):
        if (row := variant.row(name)) and row.measured and row.unit:
            bound = format_bound(row.measured * (1 + headroom), row.unit, row.written_unit, 3)
            yield Bound(f"max_{name}", bound, f"measured {variant.shown(name)}")
    score, drop = variant.row("accuracy"), variant.row("accuracy_drop")
    if drop:
        yield from _drop(drop, headroom * abs(variant.float_score or 0.0))
    elif score and variant.higher_is_better:
        yield from _minimum(score, headroom)
    if (ratio := variant.row("latency_ratio")) and ratio.measured:
        highest = max(ratio.measured, ratio.high or 0.0)
        bound = format_bound(LATENCY_ROOM * highest, "ratio", "", 2)
        yield Bound("max_latency_ratio", bound, f"measured {ratio.measured:.3g}")


def _drop(drop: Row, room: float) -> Iterator[Bound]:
    """Yield the smallest drop that the test set can tell from the measured one, and from zero.

    Args:
        drop: What was measured.
        room: By how much an error may grow, or a score without an interval fall.
    """
    is_in_points = drop.written_unit == "pp"
    lost = drop.measured or 0.0
    if interval := _interval(drop):
        low, high = interval
        highest = max(high, (high - low) / 2, 0.0 if is_in_points else lost + room)
    else:
        highest = max(lost + room, 0.0)
    shown = f"measured {amounts(drop)[0]}"
    if not (is_in_points and highest >= _USELESS_DROP):
        bound = format_bound(round(highest, 12), "score", drop.written_unit, 2)
        yield Bound("max_accuracy_drop", bound, shown)


def _minimum(score: Row, headroom: float) -> Iterator[Bound]:
    """Yield the low end of the interval: the float model has no drop."""
    value = score.measured or 0.0
    interval = _interval(score)
    lowest = interval[0] if interval else value - headroom * abs(value)
    if lowest > 0:
        bound = format_bound(lowest, "score", "", 3, up=False)
        yield Bound("min_accuracy", bound, f"measured {amounts(score)[0]}")


def _interval(row: Row) -> tuple[float, float] | None:
    """Return the interval of a score, if it says how far another score may lie.

    That of a bootstrap has no width where no resample differs, as with few samples or no flips.
    """
    if row.low is None or row.high is None or row.low == row.high:
        return None
    return row.low, row.high

"""From a measurement and a limit to a verdict: pure, and the only place that compares."""

import math
from dataclasses import dataclass
from typing import Literal

from pytest_modelbudget.judge.findings import Allowed, Measurement, UnmeasuredError
from pytest_modelbudget.judge.limits import LIMITS
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.units.format import format_exact, format_interval, format_value
from pytest_modelbudget.units.table import BaseUnit

Outcome = Literal["within", "exceeded"]


@dataclass(frozen=True)
class Verdict:
    """Whether a measurement is within its limit.

    Attributes:
        limit: The limit's name.
        base_unit: Of ``measured``, ``bound`` and ``margin``.
        unit: The unit that the limit was written in, in which reports show them.
        margin: How much room is left; negative if the limit is exceeded.
        how: How the measurement was taken.
        baseline: What it was compared with, if anything.
        note: What a reader of the summary must know, if anything.
        interval: Around ``measured``, if it has one.
        remark: What a reader must know of the measurement, if anything.
        improvement: How a figure improved by so much that it should be accepted, if it did.
    """

    limit: str
    outcome: Outcome
    base_unit: BaseUnit
    unit: str
    measured: float
    bound: float
    margin: float
    how: str
    baseline: str
    note: str = ""
    interval: tuple[float, float | None] | None = None
    remark: str = ""
    improvement: str = ""


def judge(limit: Limit, measurement: Measurement) -> Verdict:
    """Compare ``measurement`` with ``limit``.

    A value that is exactly the limit is within it.

    Raises:
        UnmeasuredError: If the value is NaN or infinity, or its interval contains the limit.
    """
    kind = LIMITS[limit.name]
    allowed = measurement.allowed or Allowed(
        kind.highest_allowed(limit), kind.base_unit, limit.unit
    )
    if measurement.interval:
        _require_conclusive(measurement, measurement.interval, allowed)
    if not math.isfinite(measurement.value):
        raise UnmeasuredError(f"the measured value is {measurement.value}: {measurement.how}")
    room = _difference(allowed.value, measurement.value)
    margin = room if kind.lower_is_better else -room
    return Verdict(
        limit=limit.name,
        outcome="within" if margin >= 0 else "exceeded",
        base_unit=allowed.base_unit,
        unit=allowed.unit,
        measured=measurement.value,
        bound=allowed.value,
        margin=margin,
        how=measurement.how,
        baseline=measurement.baseline,
        note=_too_small(measurement, allowed),
        interval=measurement.interval,
        remark=measurement.remark,
        improvement=measurement.improvement,
    )


def _difference(bound: float, value: float) -> float:
    """Return ``bound - value`` to twelve decimals, or as it is where these would hide it.

    0.98 - 0.975 is 0.0050000000000000044, and not over a limit of 0.5 pp. But an error in square
    metres may be limited to 1e-13.
    """
    difference = bound - value
    is_rounding = abs(difference) <= 1e-9 * max(abs(bound), abs(value))
    return round(difference, 12) or (0.0 if is_rounding else difference)


def _require_conclusive(
    measurement: Measurement, interval: tuple[float, float | None], allowed: Allowed
) -> None:
    low, high = interval
    if low <= allowed.value and (high is None or high > allowed.value):
        limit = format_exact(allowed.value, allowed.base_unit, allowed.unit)
        raise UnmeasuredError(
            f"inconclusive: the {100 * measurement.confidence:g} % interval "
            f"{format_interval(low, high, allowed.base_unit, allowed.unit)} contains the limit "
            f"{limit}; {measurement.disturbed}"
        )


def _too_small(measurement: Measurement, allowed: Allowed) -> str:
    """Return a note if the test set cannot tell a change as small as the limit from zero."""
    if not measurement.resolvable or allowed.value >= measurement.resolvable:
        return ""
    smallest = format_value(
        measurement.resolvable, allowed.base_unit, allowed.unit, apart_from=allowed.value
    )
    samples = "1 sample" if measurement.samples == 1 else f"{measurement.samples:,} samples"
    return (
        f"test set too small: with {samples}, drops under {smallest} cannot "
        f"be told from zero (limit: {format_exact(allowed.value, allowed.base_unit, allowed.unit)})"
    )

"""From a measurement and a limit to a verdict: pure, and the only place that compares."""

import math
from dataclasses import dataclass
from typing import Literal

from pytest_modelbudget.budgetfile.limits import LIMITS, Unit
from pytest_modelbudget.budgetfile.types import Limit
from pytest_modelbudget.judge.findings import Measurement, UnmeasuredError
from pytest_modelbudget.units.format import format_interval, format_pair

Outcome = Literal["within", "exceeded"]


@dataclass(frozen=True)
class Verdict:
    """Whether a limit holds.

    Attributes:
        limit: The limit's name.
        unit: Of ``measured``, ``bound`` and ``margin``.
        margin: How much room is left; negative if the limit is exceeded.
        how: How the measurement was taken.
        baseline: What it was compared with, if anything.
        note: What whoever reads the summary must know, if anything.
        interval: Around ``measured``, if it has one.
    """

    limit: str
    outcome: Outcome
    unit: str
    measured: float
    bound: float
    margin: float
    how: str
    baseline: str
    note: str = ""
    interval: tuple[float, float | None] | None = None


def judge(limit: Limit, measurement: Measurement) -> Verdict:
    """Hold ``measurement`` against ``limit``.

    A value that is exactly the limit is within it.

    Raises:
        UnmeasuredError: If the value is not a finite number, or its interval holds the limit.
    """
    kind = LIMITS[limit.name]
    # `integer_only` and `allowed_ops` allow none of the operators that their gauges count.
    bound = 0 if kind.unit in ("flag", "operators") else limit.bound
    assert isinstance(bound, int | float), "the limits with a gauge are numbers"
    if measurement.interval:
        low, high = measurement.interval
        if low <= bound and (high is None or high > bound):
            text = format_interval(low, high, kind.unit)
            raise UnmeasuredError(
                f"it is {text}, which does not settle the limit: {measurement.disturbed}"
            )
    if not math.isfinite(measurement.value):
        raise UnmeasuredError(f"the measured value is {measurement.value}: {measurement.how}")
    # Twelve digits: 0.98 - 0.975 is 0.0050000000000000044, and not over a limit of 0.5 pp.
    room = round(bound - measurement.value, 12)
    margin = room if kind.lower_is_better else -room
    return Verdict(
        limit=limit.name,
        outcome="within" if margin >= 0 else "exceeded",
        unit=kind.unit,
        measured=measurement.value,
        bound=bound,
        margin=margin,
        how=measurement.how,
        baseline=measurement.baseline,
        note=_too_coarse(kind.unit, bound, measurement.resolvable),
        interval=measurement.interval,
    )


def _too_coarse(unit: Unit, bound: float, resolvable: float) -> str:
    """Say that the test data cannot tell a change as small as the limit from none."""
    if not resolvable or bound >= resolvable:
        return ""
    smallest, allowed = format_pair(resolvable, bound, unit)
    return f"the test set is too small: it resolves a drop of {smallest}, the limit is {allowed}"

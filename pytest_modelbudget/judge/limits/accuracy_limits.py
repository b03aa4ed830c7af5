"""The metric and its drop, with the result of the sample-by-sample comparison."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated

from pydantic import Field, Strict

from pytest_modelbudget.judge.findings import Findings, Measurement, UnmeasuredError, present
from pytest_modelbudget.judge.limits.limit_kind import FigureLimit, Limit, LimitKind
from pytest_modelbudget.judge.results.scores import ClassAccuracy, Comparison, Interval
from pytest_modelbudget.units.format import format_interval, format_score, format_value
from pytest_modelbudget.units.written import Drop, Share

_GENTLER = (
    "a gentler recipe such as int16x8 or dynamic, layers left in float (`layers: {skip: [...]}`), "
    "or calibration data that is more like the real inputs"
)
ScoreBound = Annotated[float, Strict(), Field(ge=-1e9, le=1e9)]


class MinAccuracy(FigureLimit):
    """The metric itself, or with `confidence` the low end of its interval."""

    name = "min_accuracy"
    description = "the metric itself"
    base_unit = "score"
    written = ScoreBound
    needs = frozenset({"artifact", "score"})
    advice = _GENTLER
    lower_is_better = False
    figure = "accuracy"

    def read(self, findings: Findings) -> Measurement:
        """Read the score."""
        scored, comparison = present(findings.score), present(findings.comparison)
        interval = spread(comparison, comparison.score, "")
        how = f"{findings.metric} over {scored.samples:,} samples; {interval}"
        return Measurement(scored.value, how, spread=_ends(comparison.score))

    def measure(self, findings: Findings, limit: Limit) -> Measurement:  # noqa: ARG002
        """Read the score, or the low end of its interval."""
        found = self.read(findings)
        if not findings.confident:
            return found
        comparison = present(findings.comparison)
        low = certain(comparison.score, comparison).low
        return Measurement(low, f"low end of {format_score(found.value)} {found.how}")


class MaxAccuracyDrop(LimitKind):
    """The change for the worse, or with `confidence` the high end of its interval."""

    name = "max_accuracy_drop"
    description = "change for the worse against the baseline"
    base_unit = "score"
    written = Drop
    needs = frozenset({"artifact", "score", "baseline"})
    advice = _GENTLER
    guards = "accuracy"

    def measure(self, findings: Findings, limit: Limit) -> Measurement:
        """Read the drop in the metric's own units."""
        return _drop(findings, 1.0, limit.unit)


class MaxRelativeAccuracyDrop(LimitKind):
    """The drop as a share of the baseline's score."""

    name = "max_relative_accuracy_drop"
    description = "the drop as a share"
    base_unit = "share"
    written = Share
    needs = frozenset({"artifact", "score", "baseline"})
    advice = _GENTLER
    guards = "accuracy"

    def measure(self, findings: Findings, limit: Limit) -> Measurement:  # noqa: ARG002
        """Read the drop as a share of the baseline.

        Raises:
            UnmeasuredError: If the baseline's score is 0.
        """
        baseline = present(findings.baseline)
        if baseline == 0:
            raise UnmeasuredError(
                f"the baseline's {findings.metric} is 0, so a drop cannot be a share of it"
            )
        return _drop(findings, abs(baseline), "")


def _drop(findings: Findings, divisor: float, unit: str) -> Measurement:
    """Measure the drop in multiples of ``divisor``; ``unit`` is that of the text, pp or none."""
    scored, baseline = present(findings.score), present(findings.baseline)
    comparison = present(findings.comparison)
    lost = difference(baseline, scored.value)
    lost = lost if findings.higher_is_better else 0.0 - lost  # and never -0.0
    interval = comparison.drop
    drop = format_value(lost, "score", unit)
    text = f"drop {drop}, {spread(comparison, interval, unit)}"
    if findings.confident:
        interval = certain(interval, comparison)
        lost, text = interval.high, f"high end of {text}"
    value = f"{findings.metric} {format_score(scored.value)} over {scored.samples:,} samples"
    resolvable = (interval.high - interval.low) / 2 if interval else 0.0
    return Measurement(
        lost / divisor,
        "; ".join([text, value, *_details(comparison)]),
        f"{findings.metric} {format_score(baseline)}",
        resolvable=resolvable / divisor,
        samples=scored.samples,
        spread=None if findings.confident else _ends(interval, divisor),
    )


def difference(first: float, second: float) -> float:
    """Subtract numbers as they are written: 0.98 - 0.975 is 0.0050000000000000044 in binary."""
    return float(Decimal(str(first)) - Decimal(str(second)))


def _ends(interval: Interval | None, divisor: float = 1.0) -> tuple[float, float] | None:
    return (interval.low / divisor, interval.high / divisor) if interval else None


def certain(interval: Interval | None, comparison: Comparison) -> Interval:
    """Return an interval that `confidence` needs.

    Raises:
        UnmeasuredError: If there is none.
    """
    if interval is None:
        raise UnmeasuredError(f"`confidence` needs an interval: {comparison.why}")
    return interval


def spread(comparison: Comparison, interval: Interval | None, unit: str) -> str:
    """Return one of the intervals of ``comparison``, or why it is missing."""
    if interval is None:
        return f"no interval: {comparison.why}"
    ends = format_interval(interval.low, interval.high, "score", unit)
    return f"{100 * comparison.confidence:g} % interval {ends} ({comparison.method})"


def _details(comparison: Comparison) -> Iterator[str]:
    """Yield how samples and classes changed, where samples are right or wrong."""
    if flips := comparison.flips:
        yield f"samples lost {flips.lost:,}, gained {flips.gained:,} (p {flips.p_value:.2g})"
    if len(comparison.classes) == 1:
        yield f"all samples are of class {comparison.classes[0].label}"
        return
    worst = max(comparison.classes, key=_lost, default=None)
    if worst and worst.baseline is not None and _lost(worst) > 0:
        yield f"class {worst.label} lost most: {worst.baseline:.3f} to {worst.accuracy:.3f}"


def _lost(found: ClassAccuracy) -> float:
    return 0.0 if found.baseline is None else found.baseline - found.accuracy

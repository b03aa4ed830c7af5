"""The metric, and its drop, with what the comparison sample by sample says."""

from collections.abc import Iterator
from decimal import Decimal

from pytest_modelbudget.judge.findings import Findings, Measurement, UnmeasuredError, present
from pytest_modelbudget.judge.results import ClassAccuracy, Comparison, Interval
from pytest_modelbudget.units.format import format_score


def score(findings: Findings) -> Measurement:
    """Read the metric, or with `confidence` the low end of its interval."""
    scored, comparison = present(findings.score), present(findings.comparison)
    interval = comparison.score
    how = f"{findings.metric} over {scored.samples:,} samples; {_spread(comparison, interval)}"
    if not findings.confident:
        return Measurement(scored.value, how)
    low = _certain(interval, comparison).low
    return Measurement(low, f"low end of {format_score(scored.value)} {how}")


def drop(findings: Findings) -> Measurement:
    """Read the change for the worse, or with `confidence` the high end of its interval."""
    return _drop_in(findings, 1.0)


def relative_drop(findings: Findings) -> Measurement:
    """As ``drop``, as a share of the baseline."""
    baseline = present(findings.baseline)
    if baseline == 0:
        raise UnmeasuredError(f"the baseline's {findings.metric} is 0: no share of it can be taken")
    return _drop_in(findings, abs(baseline))


def _drop_in(findings: Findings, unit: float) -> Measurement:
    """Measure the drop in multiples of ``unit``, of the metric."""
    scored, baseline = present(findings.score), present(findings.baseline)
    comparison = present(findings.comparison)
    lost = _difference(baseline, scored.value)
    lost = lost if findings.higher_is_better else 0.0 - lost  # and never -0.0
    interval = comparison.drop
    told = f"drop {format_score(lost)}, {_spread(comparison, interval)}"
    if findings.confident:
        interval = _certain(interval, comparison)
        lost, told = interval.high, f"high end of {told}"
    value = f"{findings.metric} {format_score(scored.value)} over {scored.samples:,} samples"
    how = "; ".join([told, value, *_details(comparison)])
    against = f"{findings.metric} {format_score(baseline)}"
    resolvable = (interval.high - interval.low) / 2 if interval else 0.0
    return Measurement(lost / unit, how, against, resolvable / unit)


def _difference(first: float, second: float) -> float:
    """Subtract numbers as they are written: 0.98 - 0.975 is 0.0050000000000000044 in binary."""
    return float(Decimal(str(first)) - Decimal(str(second)))


def _certain(interval: Interval | None, comparison: Comparison) -> Interval:
    if interval is None:
        raise UnmeasuredError(f"`confidence` needs an interval: {comparison.why}")
    return interval


def _spread(comparison: Comparison, interval: Interval | None) -> str:
    """Return one of the intervals of ``comparison``, or why there is none."""
    if interval is None:
        return f"no interval: {comparison.why}"
    ends = f"{format_score(interval.low)} to {format_score(interval.high)}"
    return f"{100 * comparison.confidence:g}% interval {ends} ({comparison.method})"


def _details(comparison: Comparison) -> Iterator[str]:
    """Yield what became of samples and classes, where samples are right or wrong."""
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

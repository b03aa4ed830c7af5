"""A comparison of two evaluated models in a few words."""

from collections.abc import Iterator

from pytest_modelbudget.budgetfile.quantities import format_score
from pytest_modelbudget.jobs import ClassAccuracy, Comparison, Interval


def spread(comparison: Comparison, interval: Interval | None) -> str:
    """Return one of the intervals of ``comparison``, or why there is none."""
    if interval is None:
        return f"no interval: {comparison.why}"
    ends = f"{format_score(interval.low)} to {format_score(interval.high)}"
    return f"{100 * comparison.confidence:g}% interval {ends} ({comparison.method})"


def details(comparison: Comparison) -> Iterator[str]:
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

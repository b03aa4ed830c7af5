"""Chooses variants: those that no other one beats."""

from collections.abc import Sequence

from pytest_modelbudget.explore.measured import MeasuredVariant
from pytest_modelbudget.report.row import Row

LARGEST_LOSS = 0.1
"""A variant that loses more of the float model's score is left out, unless it is asked for."""

_SIZES = ("bytes", "gzip_bytes")


def left_out(variants: Sequence[MeasuredVariant]) -> dict[str, str]:
    """Return why variants are not on the Pareto front of bytes, gzip, score and latency, by name.

    A latency counts as better only where the intervals of the two do not overlap.

    Args:
        variants: What was measured; those that were not are left out, too.
    """
    reasons = {each.name: each.why_not for each in variants if each.why_not}
    built = [each for each in variants if each.name not in reasons]
    for each in built:
        if (loss := _loss(each)) > LARGEST_LOSS:
            reasons[each.name] = f"loses {100 * loss:.0f} % of the float model's score"
    for each in built:
        better = next((other.name for other in built if _beats(other, each)), "")
        if each.name not in reasons and better and better not in reasons:
            reasons[each.name] = f"{better} is as good in every figure, and better in one"
    return reasons


def _loss(variant: MeasuredVariant) -> float:
    """Return the drop as a share of the float model's score; 0 where that is not known."""
    drop, before = variant.value("accuracy_drop"), variant.float_score
    return drop / abs(before) if drop and before else 0.0


def _beats(one: MeasuredVariant, other: MeasuredVariant) -> bool:
    """Return whether ``one`` is nowhere worse than ``other``, and somewhere better."""
    gains = [_gain(one.value(name), other.value(name)) for name in _SIZES]
    sign = 1 if one.higher_is_better else -1
    gains.append(sign * _gain(other.value("accuracy"), one.value("accuracy")))
    gains.append(_time_gain(one, other))
    return min(gains) >= 0 and max(gains) > 0


def _gain(one: float | None, other: float | None) -> float:
    """Return how much smaller ``one`` is; 0 where one of them is not known."""
    return 0.0 if one is None or other is None else other - one


def _time_gain(one: MeasuredVariant, other: MeasuredVariant) -> float:
    """Return how much faster ``one`` surely is: negative if slower, 0 if the intervals overlap.

    The ratios to the float model are compared where both have one: load changes them least.
    """
    for name in ("latency_ratio", "latency"):
        first, second = one.row(name), other.row(name)
        if first and second and first.measured and second.measured:
            return _sure_gain(first, second)
    return 0.0


def _sure_gain(first: Row, second: Row) -> float:
    """Return by how much the interval of ``first`` lies below the other: negative if above."""
    if first.high is not None and second.low is not None and first.high < second.low:
        return second.low - first.high
    if second.high is not None and first.low is not None and second.high < first.low:
        return second.high - first.low
    return 0.0

"""Distribution-free confidence intervals of quantiles, from invocations in windows.

The invocations of one window are similar, so the sample has fewer independent values than
invocations. The interval is that of Woodruff (1952, "Confidence intervals for medians and other
position measures", JASA 47): an interval of the share of invocations below the quantile, read from
the ordered sample. That share has the exact binomial interval (Clopper and Pearson 1934) of the
effective sample size: the sample size divided by the design effect of the windows (Kish 1965) and
by a factor with Student's t for the number of windows (Korn and Graubard 1998, "Confidence
intervals for proportions with small expected number of positive counts estimated from survey
data", Survey Methodology 24).
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special  # not scipy.stats: its import takes four times as long

from pytest_modelbudget.judge.results.latencies import LatencyEstimate
from pytest_modelbudget.workers.userdata.datasets import Array

_FEWEST_WINDOWS = 3  # fewer do not show how much windows differ


def estimate_quantile(
    windows: Sequence[Array], quantile: float, error: float
) -> LatencyEstimate | None:
    """Estimate a quantile from the values of several windows.

    Args:
        windows: The values of each window, float64 of shape (n,) with n > 0, in any unit.
        quantile: Between 0 and 1.
        error: The probability that the interval does not contain the true quantile.

    Returns:
        The quantile of all values, with its interval. Where the sample is too small for an end,
        the low end is 0 and the high end is infinity. None if there are no windows.
    """
    if not windows:
        return None
    ordered = np.sort(np.concatenate(windows))
    value = float(np.quantile(ordered, quantile))
    if len(windows) < _FEWEST_WINDOWS:
        return LatencyEstimate(value=value, low=0.0, high=math.inf)
    size = max(1, math.floor(_effective_size(windows, value, quantile, error)))
    below, above = _binomial_ranks(size, quantile, error)
    low = 0.0 if below < 1 else float(ordered[below * ordered.size // size - 1])
    high = math.inf if above > size else float(ordered[-(-above * ordered.size // size) - 1])
    return LatencyEstimate(value=value, low=min(low, value), high=max(high, value))


def _effective_size(windows: Sequence[Array], value: float, quantile: float, error: float) -> float:
    """Return the number of independent values that would give an interval of the same width."""
    count = len(windows)
    sizes = np.array([window.size for window in windows])
    if sizes.max() == 1:
        return count
    shares = np.array([np.mean(window <= value) for window in windows])
    total = sizes.sum()
    spread = np.sum((sizes * (shares - quantile)) ** 2) * count / (count - 1) / total**2
    design_effect = max(1.0, float(spread / (quantile * (1 - quantile) / total)))
    # The spread is estimated from few windows, so Student's t replaces the normal quantile.
    student, normal = special.stdtrit(count - 1, 1 - error / 2), special.ndtri(1 - error / 2)
    inflation = (student / normal) ** 2
    return float(total / (design_effect * inflation))


def _binomial_ranks(size: int, quantile: float, error: float) -> tuple[int, int]:
    """Return the ranks, from 1, of the interval's ends; 0 or ``size + 1`` means no end."""
    # Of `size` values, the number below the quantile has a binomial distribution.
    below, above = np.ceil(special.bdtrik([error / 2, 1 - error / 2], size, quantile))
    return int(below), int(above) + 1

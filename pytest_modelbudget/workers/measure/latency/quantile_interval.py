"""Distribution-free confidence intervals of quantiles, from invocations taken in windows.

The invocations of one window resemble each other, so that there are fewer independent ones than
were counted. The interval is Woodruff's (1952, "Confidence intervals for medians and other
position measures", JASA 47): one for the share of invocations below the quantile, read off the
ordered sample. The share's interval is the exact binomial one (Clopper and Pearson 1934), after
the sample is cut to its effective size by the design effect of the windows (Kish 1965).
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special  # not scipy.stats: its import takes four times as long

from pytest_modelbudget.judge.results import LatencyEstimate
from pytest_modelbudget.workers.userdata.datasets import Array

_FEWEST_WINDOWS = 3  # below, nothing is known about how they differ


def estimate_quantile(
    windows: Sequence[Array], quantile: float, error: float
) -> LatencyEstimate | None:
    """Estimate a quantile of what windows have in common.

    Args:
        windows: The values of each window, float64 of shape (n,), in any unit; none is empty.
        quantile: Between 0 and 1.
        error: The probability with which the interval may miss it.

    Returns:
        The quantile of all values with its interval: an end that the sample is too small for is
        0 or infinity. None without values.
    """
    if not windows:
        return None
    ordered = np.sort(np.concatenate(windows))
    value = float(np.quantile(ordered, quantile))
    if len(windows) < _FEWEST_WINDOWS:
        return LatencyEstimate(value=value, low=0.0, high=math.inf)
    size = max(1, math.floor(_effective_size(windows, value, quantile, error)))
    below, above = _binomial_ranks(size, quantile, error)
    low = 0.0 if below < 1 else float(ordered[max(1, below * ordered.size // size) - 1])
    high = math.inf if above > size else float(ordered[-(-above * ordered.size // size) - 1])
    return LatencyEstimate(value=value, low=min(low, value), high=max(high, value))


def _effective_size(windows: Sequence[Array], value: float, quantile: float, error: float) -> float:
    """Return how many independent values would tell as much as these."""
    count = len(windows)
    sizes = np.array([window.size for window in windows])
    if sizes.max() == 1:
        return count
    shares = np.array([np.mean(window <= value) for window in windows])
    total = sizes.sum()
    spread = np.sum((sizes * (shares - quantile)) ** 2) * count / (count - 1) / total**2
    design_effect = max(1.0, spread / (quantile * (1 - quantile) / total))
    # The spread is itself estimated, from few windows: Student's t in place of the normal.
    student, normal = special.stdtrit(count - 1, 1 - error / 2), special.ndtri(1 - error / 2)
    inflation = (student / normal) ** 2
    return float(total / (design_effect * inflation))


def _binomial_ranks(size: int, quantile: float, error: float) -> tuple[int, int]:
    """Return the ranks, from 1, between which the quantile lies; 0 or ``size + 1``: no bound."""
    # Of `size` values, the number below the quantile has a binomial distribution.
    below, above = np.ceil(special.bdtrik([error / 2, 1 - error / 2], size, quantile))
    return int(below), int(above) + 1

"""When to stop timing, and the estimates; ``docs/latency.md`` explains the method."""

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from pytest_modelbudget.judge.results.latencies import LatencyEstimate, LatencyStatistic
from pytest_modelbudget.protocol.measurement_jobs import LatencyBound
from pytest_modelbudget.workers.measure.latency.quantile_interval import estimate_quantile
from pytest_modelbudget.workers.measure.latency.sampling import Timings
from pytest_modelbudget.workers.userdata.datasets import Array

CONFIDENCE = 0.99
# Numbers of windows after which the bounds are checked. With fewer than 11 the interval of a ratio,
# which has one value a window, has no ends at this confidence.
LOOKS = (12, 20, 40, 80, 160, 320)
LONGEST_S = 10.0
CONFIRM_S = 1.5
PAUSE_S = 0.01

_JUDGED = 4  # windows with fewer invocations are never slow windows
_LOW = 0.2  # this quantile of a window shows how fast the machine was
_SLOW = 1.05  # a window is slow if that quantile is more than this many times the fast one
_FAST = 0.1  # the fast one is this quantile over all windows
_QUANTILES: dict[LatencyStatistic, float] = {"p50": 0.5, "p90": 0.9, "p99": 0.99}

Windows = Sequence[Sequence[Timings]]
"""For each window the timings of the model and, for a ratio, those of its baseline."""


def sample(
    take: Callable[[], Sequence[Timings]], bounds: Sequence[LatencyBound]
) -> tuple[Windows, float]:
    """Time windows until the result for every bound is conclusive, or time is up.

    Disturbances only slow an invocation down: accept a pass at once, confirm a failure for
    ``CONFIRM_S``.

    Args:
        take: Times one window.
        bounds: The limits to check.

    Returns:
        The windows, and the seconds that they took.
    """
    windows: list[Sequence[Timings]] = []
    started_s = time.perf_counter()
    spent_s = 0.0
    while len(windows) < LOOKS[0] or (spent_s < LONGEST_S and len(windows) < LOOKS[-1]):
        time.sleep(PAUSE_S)
        windows.append(take())
        spent_s = time.perf_counter() - started_s
        if len(windows) in LOOKS and all(
            _is_conclusive(estimate(windows, bound.statistic), bound.bound, spent_s)
            for bound in bounds
        ):
            break
    return windows, spent_s


def estimate(windows: Windows, statistic: LatencyStatistic) -> LatencyEstimate:
    """Estimate ``statistic``: a quantile in seconds, or the ratio to the baseline.

    The probability that the interval misses the true value at any look or at the end is at most
    ``1 - CONFIDENCE`` (Bonferroni).
    """
    error = (1 - CONFIDENCE) / (len(LOOKS) + 1)
    if statistic == "ratio":
        found = estimate_quantile(_ratios(windows), 0.5, error)
    else:
        found = estimate_quantile(
            steady([of[0].seconds for of in windows]), _QUANTILES[statistic], error
        )
    return found or LatencyEstimate(value=float("inf"), low=0.0, high=float("inf"))


def steady(windows: Sequence[Array]) -> list[Array]:
    """Return the windows that are not slow; empty ones are left out.

    In a slow window even the fast invocations are slow, because of a lower clock frequency or of
    load on the same physical core. CPU time does not show this.
    """
    counted = [window for window in windows if window.size]
    if not counted:
        return []
    lows = np.array([np.quantile(window, _LOW) for window in counted])
    fast = np.quantile(lows, _FAST, method="lower")
    return [
        window
        for window, low in zip(counted, lows, strict=True)
        if low <= _SLOW * fast or window.size < _JUDGED
    ]


def _ratios(windows: Windows) -> list[Array]:
    """Return the quotient of the 20th percentiles of the two models, for each window."""
    pairs = [(own.seconds, base.seconds) for own, base in windows]
    return [
        np.array([np.quantile(own, _LOW) / np.quantile(base, _LOW)])
        for own, base in pairs
        if own.size and base.size
    ]


def _is_conclusive(found: LatencyEstimate, bound: float, spent_s: float) -> bool:
    if math.isinf(bound):  # nothing is judged: an interval that has both ends is enough
        return found.low > 0 and math.isfinite(found.high)
    return found.high <= bound or (found.low > bound and spent_s >= CONFIRM_S)

"""When a latency is known well enough: the whole of it is explained in ``docs/latency.md``."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from pytest_modelbudget.judge.results import Figure, LatencyEstimate
from pytest_modelbudget.protocol.jobs import LatencyBound
from pytest_modelbudget.workers.measure.latency.quantile_interval import estimate_quantile
from pytest_modelbudget.workers.measure.latency.sampling import Window
from pytest_modelbudget.workers.userdata.datasets import Array

CONFIDENCE = 0.99
LOOKS = (10, 20, 40, 80, 160, 320)  # windows after which the answer may be clear
LONGEST_S = 10.0
FEWEST = 12  # windows at least, however long they take
CONFIRM_S = 1.5
PAUSE_S = 0.01

_JUDGED = 4  # invocations in a window that can be called slow
_LOW = 0.2  # the quantile of a window that tells how fast the machine was
_SLOW = 1.05  # times the fast windows, above which a window was slow
_FAST = 0.1  # the quantile of the windows that are the fast ones
_QUANTILES: dict[Figure, float] = {"p50": 0.5, "p90": 0.9, "p99": 0.99}

Windows = Sequence[Sequence[Window]]
"""For each window one entry of the model; and one of its baseline for a ratio."""


def sample(
    take: Callable[[], Sequence[Window]], bounds: Sequence[LatencyBound]
) -> tuple[Windows, float]:
    """Take windows until every bound is settled, or time is up.

    Something slow passes, and nothing makes a model faster than it is: so a latency within its
    bound is believed at once, and one over it only after ``CONFIRM_S``.

    Returns:
        The windows, and the seconds that they took.
    """
    windows: list[Sequence[Window]] = []
    started_s = time.perf_counter()
    spent_s = 0.0
    while len(windows) < FEWEST or (spent_s < LONGEST_S and len(windows) < LOOKS[-1]):
        time.sleep(PAUSE_S)
        windows.append(take())
        spent_s = time.perf_counter() - started_s
        if len(windows) in LOOKS and all(
            _is_settled(estimate(windows, bound.figure), bound.bound, spent_s) for bound in bounds
        ):
            break
    return windows, spent_s


def estimate(windows: Windows, figure: Figure) -> LatencyEstimate:
    """Estimate ``figure``, in seconds, or as a ratio.

    The interval misses it with a probability of at most ``1 - CONFIDENCE`` at any of the looks,
    or at the end (Bonferroni).
    """
    error = (1 - CONFIDENCE) / (len(LOOKS) + 1)
    if figure == "ratio":
        found = estimate_quantile(_ratios(windows), 0.5, error)
    else:
        found = estimate_quantile(
            steady([of[0].seconds for of in windows]), _QUANTILES[figure], error
        )
    return found or LatencyEstimate(value=float("inf"), low=0.0, high=float("inf"))


def steady(windows: Sequence[Array]) -> list[Array]:
    """Leave out windows in which even the fast invocations were slow: the machine was.

    CPU time does not show this: a lower frequency, or a neighbour on the same core.
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
    """Compare the fast invocations of the two models, window by window."""
    pairs = [(own.seconds, base.seconds) for own, base in windows]
    return [
        np.array([np.quantile(own, _LOW) / np.quantile(base, _LOW)])
        for own, base in pairs
        if own.size and base.size
    ]


def _is_settled(found: LatencyEstimate, bound: float, spent_s: float) -> bool:
    return found.high <= bound or (found.low > bound and spent_s >= CONFIRM_S)

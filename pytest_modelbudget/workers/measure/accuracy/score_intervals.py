"""Confidence intervals of a score and of its drop; ``docs/accuracy.md`` gives the reasons.

Sources:
    Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    McNemar, "Note on the sampling error of the difference between correlated proportions", 1947.
    Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17, 1998.
    Fagerland, Lydersen, Laake, "The McNemar test for binary matched-pairs data: mid-p and
    asymptotic are better than exact conditional", BMC Medical Research Methodology 13, 2013; and
    "Recommended tests and confidence intervals for paired binomial proportions", Statistics in
    Medicine 33, 2014.
    Efron, Tibshirani, "An Introduction to the Bootstrap", 1993.
    Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69, 2015.
    Bickel, Goetze, van Zwet, "Resampling fewer than n observations", Statistica Sinica 7, 1997.
"""

import math
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special  # not scipy.stats: its import takes four times as long

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.scores import Interval

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

RESAMPLES = 1000
FEWEST_RESAMPLES = 200
LARGEST_RESAMPLE = 10_000
RESAMPLING_S = 60.0
_UNDEFINED_SHARE = 0.05
_HALVINGS = 60  # reduces an interval from -1 to 1 to the precision of a double


def wilson(hits: int, samples: int, confidence: float) -> Interval:
    """Return Wilson's score interval of the proportion ``hits / samples`` (Wilson 1927)."""
    z, share = _z(confidence), hits / samples
    scale = 1 + z**2 / samples
    middle = (share + z**2 / (2 * samples)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / samples + (z / (2 * samples)) ** 2)
    return Interval(low=min(middle - half, share), high=max(middle + half, share))


def tango(lost: int, gained: int, samples: int, confidence: float) -> Interval:
    """Return Tango's score interval of the drop of an accuracy over paired samples (Tango 1998).

    It contains every drop that the score test does not reject. The test of no drop is McNemar's.

    Args:
        lost: Number of samples that only the baseline has right.
        gained: Number of samples that only the model has right.
        samples: Number of all samples.
        confidence: Such as 0.95.

    Returns:
        The interval of ``(lost - gained) / samples``, within -1 and 1.
    """
    z = _z(confidence)
    return Interval(
        low=-_highest_drop(gained, lost, samples, z), high=_highest_drop(lost, gained, samples, z)
    )


def _highest_drop(lost: int, gained: int, samples: int, z: float) -> float:
    """Find the highest drop that is not rejected, by bisection from the measured drop to 1."""
    low, high = (lost - gained) / samples, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        distance = samples * middle - (lost - gained)
        if distance**2 < z**2 * _variance(lost, gained, samples, middle):
            low = middle
        else:
            high = middle
    return low


def _variance(lost: int, gained: int, samples: int, drop: float) -> float:
    """Return the variance of ``lost - gained`` given ``drop``, by maximum likelihood."""
    square = 2.0 * samples
    linear = (2 * samples - lost + gained) * drop - lost - gained
    constant = -gained * drop * (1 - drop)
    root = math.sqrt(max(linear**2 - 4 * square * constant, 0.0))
    return samples * (2 * (root - linear) / (2 * square) + drop * (1 - drop))


def mcnemar(lost: int, gained: int) -> float:
    """Return the two-sided mid-p value of McNemar's exact test (Fagerland et al. 2013)."""
    flips, fewer = lost + gained, min(lost, gained)
    at_most = special.bdtr(fewer, flips, 0.5)
    below = special.bdtr(fewer - 1, flips, 0.5) if fewer else 0.0
    return float(min(at_most + below, 1.0))


def bootstrap(
    statistics: Callable[[Rows], Floats], estimates: Floats, samples: int, confidence: float
) -> list[Interval]:
    """Return percentile bootstrap intervals, expanded for few samples (Hesterberg 2015).

    A resample has at most ``LARGEST_RESAMPLE`` samples, which bounds the cost; the spread is then
    scaled to that of all samples (Bickel et al. 1997). The seed is fixed.

    Args:
        statistics: Returns k statistics, float64 of shape (k,), of the samples with these
            numbers.
        estimates: The statistics of all samples, float64 of shape (k,).
        samples: Number of samples.
        confidence: Such as 0.95.

    Returns:
        One interval for each statistic; it contains the estimate.

    Raises:
        JobError: If there is only one sample, or if the statistics are undefined for many
            resamples or too slow to resample.
    """
    if samples < 2:
        raise JobError("the test data has only one sample")
    size = min(samples, LARGEST_RESAMPLE)
    found = _resampled(statistics, samples, size)
    student = special.stdtrit(samples - 1, (1 + confidence) / 2)
    tail = special.ndtr(-math.sqrt(samples / (samples - 1)) * student)
    quantiles = np.quantile(found, [tail, 1 - tail], axis=0)
    ends = estimates + math.sqrt(size / samples) * (quantiles - estimates)
    lows, highs = np.minimum(ends[0], estimates), np.maximum(ends[1], estimates)
    return [
        Interval(low=float(low), high=float(high)) for low, high in zip(lows, highs, strict=True)
    ]


def _resampled(statistics: Callable[[Rows], Floats], samples: int, size: int) -> Floats:
    random = np.random.default_rng(0)
    found: list[Floats] = []
    undefined = 0
    deadline = time.monotonic() + RESAMPLING_S
    while len(found) + undefined < RESAMPLES and time.monotonic() < deadline:
        try:
            found.append(statistics(random.integers(samples, size=size)))
        except JobError as error:
            undefined += 1
            if undefined > _UNDEFINED_SHARE * RESAMPLES:
                failed = f"failed on {undefined} of the first {undefined + len(found)} resamples"
                raise JobError(f"the metric {failed}: {error.cause}") from error
    if len(found) < FEWEST_RESAMPLES:
        wanted = f"{FEWEST_RESAMPLES} resamples in {RESAMPLING_S:g} s"
        raise JobError(f"the metric is too slow: {len(found)} of at least {wanted}")
    return np.array(found)


def _z(confidence: float) -> float:
    return float(special.ndtri((1 + confidence) / 2))

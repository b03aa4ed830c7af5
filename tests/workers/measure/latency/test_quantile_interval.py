import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_modelbudget.workers.measure.latency.quantile_interval import estimate_quantile
from pytest_modelbudget.workers.userdata.datasets import Array

WINDOWS = st.lists(
    st.lists(st.floats(1e-6, 1e-2), min_size=1, max_size=30).map(np.array), min_size=1, max_size=30
)
QUANTILES = st.sampled_from([0.5, 0.9, 0.99])


def singles(count: int) -> list[Array]:
    return [np.array([float(value)]) for value in range(1, count + 1)]


def test_independent_values_get_the_exact_binomial_ranks() -> None:
    found = estimate_quantile(singles(100), 0.5, error=0.01)
    assert found is not None
    # P(X <= 36) = 0.0033 and P(X <= 37) = 0.0060 for 100 tosses of a coin
    assert (found.value, found.low, found.high) == (50.5, 37, 64)


@pytest.mark.parametrize(("count", "ends"), [(7, (0, math.inf)), (8, (1, 8))])
def test_a_median_has_no_ends_before_there_are_enough(
    count: int, ends: tuple[float, float]
) -> None:
    found = estimate_quantile(singles(count), 0.5, error=0.01)  # 0.5 ** 8 < 0.005
    assert found is not None
    assert (found.low, found.high) == ends


@pytest.mark.parametrize(("count", "has_end"), [(527, False), (528, True)])
def test_a_high_quantile_has_no_upper_end_before_there_are_enough(
    count: int, has_end: bool
) -> None:
    found = estimate_quantile(singles(count), 0.99, error=0.01)  # 0.99 ** 528 < 0.005
    assert found is not None
    assert math.isfinite(found.high) is has_end


def test_without_values_there_is_nothing_to_estimate() -> None:
    assert estimate_quantile([], 0.5, error=0.01) is None


def test_two_windows_do_not_tell_how_windows_differ() -> None:
    found = estimate_quantile([np.arange(1e3), np.arange(1e3)], 0.5, error=0.01)
    assert found is not None
    assert (found.low, found.high) == (0, math.inf)


def test_few_windows_widen_the_interval_by_students_t() -> None:
    values = np.arange(1.0, 3001)
    lower, upper = np.split(values[:1500], [450, 950]), np.split(values[1500:], [550, 1050])
    windows = [np.concatenate(parts) for parts in zip(lower, upper, strict=True)]
    found = estimate_quantile(windows, 0.5, error=0.05)
    assert found is not None
    # Shares of 45, 50 and 55 % below the median are a design effect of 10. By tables, t is 4.303
    # at two degrees of freedom, z is 1.960: 3000 / 10 / (4.303 / 1.960) ** 2 = 62.2 values count.
    # P(X <= 22) = 0.015 and P(X <= 23) = 0.028 for 62 tosses of a coin.
    assert (found.low, found.high) == (23 * 3000 // 62, -(-40 * 3000 // 62))


def test_windows_that_are_alike_are_as_good_as_one_sample() -> None:
    windows = [np.arange(1.0, 101)] * 10
    found = estimate_quantile(windows, 0.5, error=0.05)
    assert found is not None
    # By tables, t is 2.262 at nine degrees of freedom: 1000 / (2.262 / 1.960) ** 2 = 750 count.
    low, high = stats.binom.ppf([0.025, 0.975], 750, 0.5)
    ordered = np.sort(np.concatenate(windows))
    assert found.low == ordered[int(low) * 1000 // 750 - 1]
    assert found.high == ordered[math.ceil((high + 1) * 1000 / 750) - 1]


def test_the_interval_of_three_windows_covers() -> None:
    generator = np.random.default_rng(4)
    missed = 0
    for _ in range(400):
        speeds = 0.2 * generator.standard_normal((3, 1))
        windows = list(speeds + generator.standard_normal((3, 1000)))
        found = estimate_quantile(windows, 0.5, error=0.01)
        assert found is not None
        missed += not found.low <= 0 <= found.high
    assert missed / 400 <= 0.01


@given(windows=WINDOWS, quantile=QUANTILES)
def test_the_value_is_in_its_interval_which_a_smaller_error_widens_in_every_unit(
    windows: list[Array], quantile: float
) -> None:
    wide = estimate_quantile(windows, quantile, error=0.001)
    narrow = estimate_quantile(windows, quantile, error=0.1)
    assert wide is not None
    assert narrow is not None
    assert wide.value == narrow.value == np.quantile(np.concatenate(windows), quantile)
    assert wide.low <= narrow.low <= narrow.value <= narrow.high <= wide.high

    other = estimate_quantile([window * 2.0**20 for window in windows], quantile, error=0.1)
    assert other is not None
    assert (other.low, other.high) == (narrow.low * 2.0**20, narrow.high * 2.0**20)


@pytest.mark.parametrize(
    ("count", "quantile", "between"),  # each with each of the others once
    [
        (10, 0.5, 0.0),
        (10, 0.9, 0.3),
        (10, 0.5, 3.0),
        (40, 0.9, 0.0),
        (40, 0.5, 0.3),
        (40, 0.9, 3.0),
    ],
)
def test_the_interval_covers_however_much_windows_resemble_each_other(
    count: int, quantile: float, between: float
) -> None:
    """Of log-normal times: each window has a speed of its own, ``between`` times the noise."""
    generator = np.random.default_rng(4)
    truth = NormalDist(0, math.hypot(1, between)).inv_cdf(quantile)
    missed = 0
    for _ in range(400):
        speeds = between * generator.standard_normal((count, 1))
        windows = list(np.exp(speeds + generator.standard_normal((count, 20))))
        found = estimate_quantile(windows, quantile, error=0.05)
        assert found is not None
        missed += not found.low <= math.exp(truth) <= found.high
    assert missed / 400 <= 0.065  # 0.05, and what 400 trials may differ from it

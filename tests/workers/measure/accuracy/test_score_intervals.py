import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.measure.accuracy import score_intervals
from pytest_modelbudget.workers.measure.accuracy.score_intervals import (
    Floats,
    Rows,
    bootstrap,
    mcnemar,
    tango,
    wilson,
)

CONFIDENCES = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@st.composite
def flips(draw: st.DrawFn) -> tuple[int, int, int]:
    """Draw lost, gained, samples."""
    samples = draw(st.integers(1, 100_000))
    lost = draw(st.integers(0, samples))
    return lost, draw(st.integers(0, samples - lost)), samples


@given(flips(), CONFIDENCES)
def test_tango_holds_the_drop_within_its_range(
    counts: tuple[int, int, int], confidence: float
) -> None:
    lost, gained, samples = counts
    found = tango(lost, gained, samples, confidence)
    assert -1 <= found.low <= (lost - gained) / samples <= found.high <= 1
    assert found.low < found.high


@given(flips(), CONFIDENCES)
def test_tango_of_swapped_models_is_negative(
    counts: tuple[int, int, int], confidence: float
) -> None:
    lost, gained, samples = counts
    found, swapped = (
        tango(lost, gained, samples, confidence),
        tango(gained, lost, samples, confidence),
    )
    assert (swapped.low, swapped.high) == (-found.high, -found.low)


@given(flips())
def test_tango_shrinks_with_more_samples_and_grows_with_confidence(
    counts: tuple[int, int, int],
) -> None:
    lost, gained, samples = counts
    few, many = tango(*counts, 0.95), tango(4 * lost, 4 * gained, 4 * samples, 0.95)
    assert many.high - many.low < few.high - few.low
    sure = tango(*counts, 0.99)
    assert sure.low <= few.low <= few.high <= sure.high


@given(flips())
def test_tango_excludes_no_drop_just_where_mcnemars_score_test_rejects_it(
    counts: tuple[int, int, int],
) -> None:
    lost, gained, _ = counts
    found = tango(*counts, 0.95)
    statistic = (lost - gained) ** 2 - stats.norm.ppf(0.975) ** 2 * (lost + gained)
    if abs(statistic) > 1e-6 and lost + gained:
        assert (not found.low <= 0 <= found.high) == (statistic > 0)


@pytest.mark.parametrize(("lost", "gained", "samples"), [(7, 1, 21), (3, 9, 400), (1, 1, 30)])
def test_the_ends_of_tango_are_z_standard_errors_away(lost: int, gained: int, samples: int) -> None:
    found = tango(lost, gained, samples, 0.95)
    for drop in (found.low, found.high):

        def unlikely(share: float, drop: float = drop) -> float:
            """Return minus the log likelihood of ``share`` gained, given the drop."""
            logs = gained * math.log(share) + lost * math.log(share + drop)
            return -(logs + (samples - lost - gained) * math.log(1 - 2 * share - drop))

        bounds = (max(0, -drop) + 1e-12, (1 - drop) / 2 - 1e-12)
        share = optimize.fminbound(unlikely, *bounds, xtol=1e-12)
        error = math.sqrt(samples * (2 * share + drop - drop**2))
        assert abs(lost - gained - samples * drop) / error == pytest.approx(1.96, abs=1e-3)


def test_no_flip_at_all_still_has_a_spread() -> None:
    z2 = stats.norm.ppf(0.975) ** 2
    assert tango(0, 0, 1000, 0.95).high == pytest.approx(z2 / (1000 + z2))


@given(
    st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), CONFIDENCES
)
def test_wilson_is_that_of_scipy(counts: tuple[int, int], confidence: float) -> None:
    hits, samples = counts
    found = wilson(hits, samples, confidence)
    expected = stats.binomtest(hits, samples).proportion_ci(confidence, method="wilson")
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)
    assert found.low <= hits / samples <= found.high


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_mid_p_of_the_binomial(lost: int, gained: int) -> None:
    flips, fewer = lost + gained, min(lost, gained)
    ways = [math.comb(flips, k) for k in range(fewer + 1)]
    exact = Fraction(2 * sum(ways) - ways[-1], 2**flips)
    assert mcnemar(lost, gained) == pytest.approx(min(float(exact), 1.0))


def test_mcnemar_of_a_million_flips() -> None:
    assert mcnemar(500_000, 500_000) == pytest.approx(1)
    assert mcnemar(501_000, 499_000) == pytest.approx(stats.norm.sf(2) * 2, rel=1e-2)


def of_mean(values: Floats, confidence: float = 0.95) -> tuple[float, float]:
    def statistics(rows: Rows) -> Floats:
        return np.array([values[rows].mean()])

    (found,) = bootstrap(statistics, np.array([values.mean()]), len(values), confidence)
    return found.low, found.high


@pytest.mark.parametrize("samples", [100, 1000, 40_000])
def test_bootstrap_of_a_mean_is_as_wide_as_students(samples: int) -> None:
    values = np.random.default_rng(1).normal(size=samples)
    low, high = of_mean(values)
    expected = stats.t.interval(0.95, samples - 1, values.mean(), stats.sem(values))
    assert low <= values.mean() <= high
    assert (high - low) == pytest.approx(expected[1] - expected[0], rel=0.1)
    assert of_mean(values) == (low, high)


def test_bootstrap_of_few_samples_is_expanded_by_students_t() -> None:
    values, drawn = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), []

    def statistics(rows: Rows) -> Floats:
        drawn.append(values[rows].mean())
        return np.array(drawn[-1:])

    (found,) = bootstrap(statistics, np.array([values.mean()]), 5, 0.95)
    # By tables, t is 2.776 at four degrees of freedom.
    tail = stats.norm.cdf(-math.sqrt(5 / 4) * 2.776)
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [tail, 1 - tail]), rel=1e-4)


def test_one_sample_has_no_bootstrap() -> None:
    with pytest.raises(JobError, match=r"^the test data has only one sample$"):
        of_mean(np.ones(1))


def test_two_samples_have_a_bootstrap() -> None:
    assert of_mean(np.array([1.0, 3.0])) == (1.0, 3.0)


def test_a_metric_may_be_undefined_for_five_percent_of_the_resamples() -> None:
    def undefined(times: int) -> Callable[[Rows], Floats]:
        calls = itertools.count()

        def statistics(rows: Rows) -> Floats:
            if next(calls) < times:
                raise JobError("no positive sample")
            return np.array([rows.mean()])

        return statistics

    (found,) = bootstrap(undefined(50), np.array([49.5]), 100, 0.95)
    assert found.low < 49.5 < found.high
    with pytest.raises(JobError) as raised:
        bootstrap(undefined(51), np.array([49.5]), 100, 0.95)
    assert raised.value.cause == (
        "the metric failed on 51 of the first 51 resamples: no positive sample"
    )


def test_a_metric_that_is_undefined_for_many_resamples() -> None:
    def statistics(rows: Rows) -> Floats:
        if 0 not in rows:
            raise JobError("auc needs samples of all 2 classes, but y has none of class 1")
        return np.zeros(1)

    with pytest.raises(
        JobError,
        match=r"^the metric failed on 51 of the first 1\d\d resamples: auc needs samples of all 2",
    ):
        bootstrap(statistics, np.zeros(1), 100, 0.95)


def test_a_metric_that_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_intervals, "RESAMPLING_S", 0.0)
    with pytest.raises(
        JobError, match=r"^the metric is too slow: 0 of at least 200 resamples in 0 s$"
    ):
        of_mean(np.ones(9))

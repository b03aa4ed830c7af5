import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy import stats

from pytest_modelbudget.protocol.measurement_jobs import LatencyBound
from pytest_modelbudget.workers.measure.latency import stopping
from pytest_modelbudget.workers.measure.latency.sampling import Timings
from pytest_modelbudget.workers.measure.latency.stopping import LOOKS, estimate, sample, steady
from pytest_modelbudget.workers.userdata.datasets import Array

TRUE_S = 1e-3
Take = Callable[[], Sequence[Timings]]


def noisy(seconds: float, count: int, generator: np.random.Generator) -> Array:
    """Times that are skewed to the right; ``seconds`` is their median."""
    return seconds * np.exp(0.02 * np.abs(generator.standard_normal(count)) - 0.0135)


def simulated(*medians_s: float, count: int = 20, slow: float = 0.0) -> Take:
    """Simulate models on a machine that is 30 % slower in a share ``slow`` of the windows."""
    generator = np.random.default_rng(0)

    def take() -> list[Timings]:
        factor = 1.3 if generator.random() < slow else 1.0
        return [
            Timings(noisy(factor * median_s, count, generator), count, 0) for median_s in medians_s
        ]

    return take


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "PAUSE_S", 0.0)
    monkeypatch.setattr(stopping, "CONFIRM_S", 0.0)


def asked(bound: float) -> list[LatencyBound]:
    return [LatencyBound(statistic="p50", bound=bound)]


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_a_clear_answer_stops_at_the_first_look(share: float) -> None:
    windows, _ = sample(simulated(TRUE_S), asked(share * TRUE_S))
    assert len(windows) == LOOKS[0]
    found = estimate(windows, "p50")
    assert found.low <= TRUE_S <= found.high
    assert 0.9 * TRUE_S < found.low <= found.high <= 1.1 * TRUE_S


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_a_clear_ratio_stops_at_the_first_look(share: float) -> None:
    bounds = [LatencyBound(statistic="ratio", bound=0.25 * share)]
    assert len(sample(simulated(TRUE_S, 4 * TRUE_S), bounds)[0]) == LOOKS[0]


def test_an_answer_over_the_limit_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "CONFIRM_S", 10.0)
    assert len(sample(simulated(TRUE_S), asked(0.9 * TRUE_S))[0]) == LOOKS[-1]
    assert len(sample(simulated(TRUE_S), asked(1.1 * TRUE_S))[0]) == LOOKS[0]


def test_a_closer_limit_takes_more_and_the_last_window_is_the_end() -> None:
    counts = [len(sample(simulated(TRUE_S), asked(s * TRUE_S))[0]) for s in (1.05, 1.003, 1.0001)]
    assert counts == sorted(counts)
    assert LOOKS[0] < counts[1] < counts[2] == LOOKS[-1]


def test_time_ends_it_but_not_before_there_is_something_to_judge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stopping, "LONGEST_S", 0.0)
    windows, _ = sample(simulated(TRUE_S), asked(TRUE_S))
    assert len(windows) == LOOKS[0]


def test_every_bound_is_settled_by_one_sample() -> None:
    bounds = [
        LatencyBound(statistic="p50", bound=2 * TRUE_S),
        LatencyBound(statistic="p99", bound=2 * TRUE_S),
    ]
    windows, _ = sample(simulated(TRUE_S), bounds)
    assert len(windows) > LOOKS[0]  # 200 invocations say nothing about one of 100 at 99 %
    p50, p90, p99 = (estimate(windows, "p50"), estimate(windows, "p90"), estimate(windows, "p99"))
    assert p50.value < p90.value < p99.value <= p99.high <= 2 * TRUE_S


@pytest.mark.parametrize("slow", [0.3, 0.8])
def test_windows_on_a_slow_machine_do_not_count(slow: float) -> None:
    windows, _ = sample(simulated(TRUE_S, slow=slow), asked(1.05 * TRUE_S))
    found = estimate(windows, "p50")
    assert found.value == pytest.approx(TRUE_S, rel=0.01)
    assert found.high <= 1.05 * TRUE_S
    kept = steady([own.seconds for (own,) in windows])
    assert len(kept) < len(windows)
    assert max(np.median(window) for window in kept) < 1.05 * TRUE_S


def test_a_ratio_does_not_care_how_slow_the_machine_is() -> None:
    windows, _ = sample(
        simulated(TRUE_S, 4 * TRUE_S, slow=0.5), [LatencyBound(statistic="ratio", bound=0.26)]
    )
    found = estimate(windows, "ratio")
    assert found.low <= 0.25 <= found.high <= 0.26


def test_a_window_is_slow_if_it_is_five_percent_over_the_fast_ones() -> None:
    fast, kept, slow = np.full(4, 1.0), np.full(4, 1.05), np.full(4, 1.055)
    assert [window[0] for window in steady([fast, kept])] == [1.0, 1.05]
    assert [window[0] for window in steady([fast, slow])] == [1.0]


def test_each_look_and_the_end_may_be_wrong_as_often() -> None:
    windows = [[Timings(np.array([float(value)]), 1, 0)] for value in range(1, 319)]
    found = estimate(windows, "p50")
    low, high = stats.binom.ppf([0.01 / 7 / 2, 1 - 0.01 / 7 / 2], 318, 0.5)
    assert (found.low, found.high) == (low, high + 1)


def test_a_ratio_needs_both_models_in_a_window() -> None:
    pair = [Timings(np.full(4, 2.0), 4, 0), Timings(np.full(4, 4.0), 4, 0)]
    lost = Timings(np.array([]), 4, 4)
    windows = [*([pair] * 20), [pair[0], lost], [lost, pair[1]]]
    found = estimate(windows, "ratio")
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_windows_that_are_too_short_are_never_called_slow() -> None:
    windows = [np.array([1.0]), np.array([2.0]), np.array([1.0, 1.0, 1.0, 1.0]), np.full(4, 2.0)]
    assert [window.tolist() for window in steady(windows)] == [[1], [2], [1, 1, 1, 1]]


def test_nothing_that_counts_is_infinite_and_never_settled() -> None:
    lost = Timings(np.array([]), 10, 10)
    windows, _ = sample(lambda: [lost], asked(1e9))
    assert len(windows) == LOOKS[-1]
    found = estimate(windows, "p50")
    assert (found.value, found.low, found.high) == (math.inf, 0, math.inf)

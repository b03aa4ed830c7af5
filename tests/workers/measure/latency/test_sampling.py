import time

import numpy as np
import pytest

from pytest_modelbudget.workers.measure.latency import sampling
from pytest_modelbudget.workers.measure.latency.sampling import TimedModel, time_window
from tests.conftest import eventually

ROWS = np.ones(2000)


def work() -> None:
    ROWS.sum()


def wait() -> None:
    """Compute for 2.5 ms and sleep for 4 ms, which looks like preemption."""
    started = time.thread_time()
    while time.thread_time() - started < 0.0025:
        pass
    time.sleep(0.004)


def wait_a_little() -> None:
    time.sleep(0.0001)


def test_a_window_is_of_all_models_in_turn() -> None:
    turns: list[str] = []

    def first() -> None:
        turns.append("first")
        work()

    def second() -> None:
        turns.append("second")
        work()

    models = [TimedModel(first, threads=1), TimedModel(second, threads=1)]
    assert models[0].warmup >= 10
    assert turns[: models[0].warmup] == ["first"] * models[0].warmup
    turns.clear()
    one, other = time_window(models)
    changes = sum(turns[i] != turns[i - 1] for i in range(1, len(turns)))
    assert changes >= 3  # the blocks that do not count, and one round at least
    assert one.invocations >= one.seconds.size >= 0
    assert other.invocations >= 1
    assert one.invocations - one.seconds.size == one.preempted


def test_of_a_long_invocation_that_is_preempted_the_cpu_time_counts() -> None:
    window = time_window([TimedModel(wait, threads=1)])[0]
    assert window.preempted == window.invocations == window.seconds.size >= 1
    assert 0.0025 <= np.median(window.seconds) < 0.004


def test_short_invocations_that_are_preempted_do_not_count() -> None:
    window = time_window([TimedModel(wait_a_little, threads=1)])[0]
    assert window.preempted == window.invocations >= 1
    assert window.seconds.size == 0


def test_of_several_threads_only_the_clock_counts() -> None:
    model = TimedModel(wait, threads=2)
    counted: list[float] = []

    def is_one_counted() -> bool:  # on a busy machine, all of a window may be preempted
        window = time_window([model])[0]
        assert window.seconds.size == window.invocations - window.preempted
        counted.extend(window.seconds)
        return bool(counted)

    eventually(is_one_counted)
    assert min(counted) >= 0.0065


@pytest.mark.parametrize("threads", [1, 2])
def test_a_slow_model_takes_one_invocation_a_window(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "_WARMUP_S", 0.1)
    window = time_window([TimedModel(lambda: time.sleep(0.11), threads=threads)])[0]
    assert window.invocations == 1

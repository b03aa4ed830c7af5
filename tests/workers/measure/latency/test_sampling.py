import time

import numpy as np
import pytest

from pytest_modelbudget.workers.measure.latency.sampling import Subject, take_window

ROWS = np.ones(2000)


def work() -> None:
    ROWS.sum()


def wait() -> None:
    """Work for long, and stay away from the CPU for longer, as one who is preempted does."""
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

    subjects = [Subject(first, threads=1), Subject(second, threads=1)]
    assert subjects[0].warmup >= 10
    assert turns[: subjects[0].warmup] == ["first"] * subjects[0].warmup
    turns.clear()
    one, other = take_window(subjects)
    changes = sum(turns[i] != turns[i - 1] for i in range(1, len(turns)))
    assert changes >= 5
    assert one.taken >= one.seconds.size >= 0
    assert other.taken >= 4
    assert one.taken - one.seconds.size == one.interrupted


def test_of_a_long_invocation_that_lost_the_cpu_its_cpu_time_counts() -> None:
    window = take_window([Subject(wait, threads=1)])[0]
    assert window.interrupted == window.taken == window.seconds.size >= 4
    assert 0.0025 <= np.median(window.seconds) < 0.004


def test_short_invocations_that_lost_the_cpu_do_not_count() -> None:
    window = take_window([Subject(wait_a_little, threads=1)])[0]
    assert window.interrupted == window.taken >= 4
    assert window.seconds.size == 0


def test_of_several_threads_only_the_clock_counts() -> None:
    window = take_window([Subject(wait, threads=2)])[0]
    assert window.seconds.size == window.taken - window.interrupted
    assert all(seconds >= 0.0065 for seconds in window.seconds)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_slow_model_takes_one_invocation_a_window(threads: int) -> None:
    window = take_window([Subject(lambda: time.sleep(0.11), threads=threads)])[0]
    assert window.taken == 1

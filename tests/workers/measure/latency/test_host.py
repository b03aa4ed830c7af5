import os
from collections.abc import Iterator

import pytest

from pytest_modelbudget.workers.measure.latency import host


@pytest.fixture
def _own_cores() -> Iterator[None]:
    mine = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, mine)


def test_the_machine_has_a_name_and_says_what_it_knows() -> None:
    assert host.cpu_model()
    assert " " not in host.governor()


@pytest.mark.usefixtures("_own_cores")
def test_only_cores_that_this_process_may_use_count() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    assert host.cores() == 1


@pytest.mark.usefixtures("_own_cores")
def test_moving_from_core_to_core_takes_no_core_away(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, moved = os.sched_getaffinity(0), []
    set_affinity = os.sched_setaffinity

    def spy(pid: int, cores: set[int]) -> None:
        moved.append(cores)
        set_affinity(pid, cores)

    monkeypatch.setattr(os, "sched_setaffinity", spy)
    steps = host.core_by_core()
    for _ in range(len(mine) + 1):
        next(steps)
        assert os.sched_getaffinity(0) == mine
    first = min(mine)
    assert [*map(list, moved[::2])] == [*([core] for core in sorted(mine)), [first]]

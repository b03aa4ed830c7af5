import pytest

from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.protocol.task import Event


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("pytest_modelbudget.engine.task_status.time", clock)
    return clock


def report(status: TaskStatus, activity: str) -> None:
    status.update(Event(task="task", happened="progress", activity=activity))


def test_the_seconds_count_from_the_start_and_not_from_the_wait(clock: Clock) -> None:
    status = TaskStatus("int8 quantize")
    status.update(Event(task="task", happened="waiting", activity="waiting"))
    clock.now_s += 5
    assert status.elapsed_s() == 0
    status.update(Event(task="task", happened="started"))
    clock.now_s += 2
    report(status, "calibrating")
    assert (status.elapsed_s(), status.progress) == (2, "calibrating")


def test_what_is_left_is_estimated_from_the_epochs_that_have_ended(clock: Clock) -> None:
    status = TaskStatus("int8 prune")
    report(status, "loading the model")
    clock.now_s += 30  # is no part of an epoch
    report(status, "epoch 1/4")
    clock.now_s += 8
    report(status, "epoch 1/4, loss 0.5")
    assert status.training_left_s() is None
    clock.now_s += 2
    report(status, "epoch 2/4")
    assert status.training_left_s() == 30
    clock.now_s += 4
    report(status, "epoch 2/4, loss 0.4")
    report(status, "epoch 3/4")
    assert status.training_left_s() == 14
    clock.now_s += 7
    report(status, "epoch 4/4")
    clock.now_s += 7
    assert status.training_left_s() is None


def test_nothing_is_estimated_once_the_training_is_over(clock: Clock) -> None:
    status = TaskStatus("int8 prune")
    for epoch in (1, 2):
        report(status, f"epoch {epoch}/5")
        clock.now_s += 10
    assert status.training_left_s() == 30
    report(status, "verifying")
    assert status.training_left_s() is None
    report(status, "evaluated 100 samples")
    assert status.training_left_s() is None

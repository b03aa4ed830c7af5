from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.cli.time_left import TimeLeft
from tests.engine.test_task_status import Clock

FILE = """\
version: 1
model: m:m
data: {train: m:d}
variants:
  float32: {recipe: float32}
  int8: {recipe: int8}
  prune: {recipe: prune}
  qat: {recipe: qat}
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("pytest_modelbudget.cli.time_left.time", clock)
    return clock


def test_the_mean_so_far_is_what_each_variant_takes(clock: Clock, tmp_path: Path) -> None:
    first, *_ = load(tmp_path / "x.budget.yaml", judged=False, text=FILE)
    left = TimeLeft([replace(first, variant=name) for name in "abc"], training_s=300)
    clock.now_s += 9
    assert left.text() == "3 of 3 left"
    clock.now_s += 11
    left.next()
    assert left.text() == "2 of 3 left, about 40 s"
    clock.now_s += 10
    left.next()
    clock.now_s += 5
    assert left.text() == "1 of 3 left, about 10 s"
    clock.now_s += 10
    assert left.text() == "1 of 3 left"


def test_what_trains_takes_at_most_its_own_time(clock: Clock, tmp_path: Path) -> None:
    budgets = load(tmp_path / "x.budget.yaml", judged=False, text=FILE)
    left = TimeLeft(budgets, training_s=300)
    clock.now_s += 10
    left.next()
    assert left.text() == "3 of 4 left, up to 5 min"
    clock.now_s += 20
    left.next()
    clock.now_s += 190
    left.next()
    clock.now_s += 20
    assert left.text() == "1 of 4 left, up to 90 s"

from pathlib import Path

from pytest_modelbudget.budgetfile.load import load

FILE = """\
version: 1
model: m:m
data: {test: m:t}
metric: mse
recipe: dynamic
"""


def test_an_error_is_a_figure_although_a_minimum_does_not_limit_it(tmp_path: Path) -> None:
    [budget] = load(tmp_path / "x.budget.yaml", judged=False, text=FILE)
    assert {"accuracy", "accuracy_drop"} <= {limit.figure for limit in budget.limits}

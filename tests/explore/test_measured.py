from pathlib import Path

from pytest_modelbudget.explore.measured import MeasuredVariant
from pytest_modelbudget.report.row import Row

FILE = Path("budgets", "x.budget.yaml")
ROW = Row(budget=str(FILE), variant="int8", name="latency", place="")


def test_a_figure_that_is_missing_of_a_variant_that_was_built_has_a_reason() -> None:
    full = f"{FILE}:9:13: recipe > int8: No space left on device"
    variant = MeasuredVariant("int8", (ROW.skipped(full),)).without_places_in(FILE.absolute())
    [row] = variant.unmeasured()
    assert (row.name, row.how) == ("latency", "recipe > int8: No space left on device")


def test_a_variant_that_was_not_measured_has_one_reason() -> None:
    full = f"{FILE}:9:13: No space left on device"
    variant = MeasuredVariant("int8", (ROW.not_built(full),), why_not=full)
    assert variant.without_places_in(FILE.absolute()).why_not == "No space left on device"
    assert not variant.unmeasured()

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_modelbudget.report.artifacts import write
from pytest_modelbudget.report.row import Row, Status

Make = Callable[..., Row]


@pytest.fixture
def row(tmp_path: Path) -> Make:
    def make(variant: str, outcome: Status = "within", budget: str = "digits.budget.yaml") -> Row:
        artifact = tmp_path / "store" / variant / "model.tflite"
        artifact.parent.mkdir(parents=True, exist_ok=True)
        artifact.write_text(f"the model {variant}")
        place = f"{budget}:4:3"
        return Row(budget, "max_bytes", place, variant, outcome, artifact=str(artifact))

    return make


def shipped(directory: Path) -> dict[str, str]:
    return {
        str(file.relative_to(directory)): file.read_text() for file in directory.rglob("*.tflite")
    }


def test_what_passed_ships_under_the_names_of_file_and_variant(tmp_path: Path, row: Make) -> None:
    rows = [row("int8"), row("", budget="budgets/kws.budget.yml"), row("int8")]
    write(tmp_path / "dist" / "models", rows)
    assert shipped(tmp_path / "dist" / "models") == {
        "digits.int8.tflite": "the model int8",
        "budgets/kws.tflite": "the model ",
    }


@pytest.mark.parametrize("outcome", ["exceeded", "unmeasured", "error"])
def test_one_limit_that_does_not_hold_keeps_its_variant_back(
    tmp_path: Path, row: Make, outcome: Status
) -> None:
    write(tmp_path / "dist", [row("int8")])
    rows = [row("int8"), row("int4"), row("int8", outcome), row("int8")]
    write(tmp_path / "dist", rows)
    assert shipped(tmp_path / "dist") == {"digits.int4.tflite": "the model int4"}


def test_an_older_file_is_replaced(tmp_path: Path, row: Make) -> None:
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "digits.int8.tflite").write_text("an older model")
    write(dist, [row("int8")])
    assert shipped(dist) == {"digits.int8.tflite": "the model int8"}

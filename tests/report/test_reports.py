from dataclasses import replace
from pathlib import Path

from pytest_modelbudget.report import REPORTS
from pytest_modelbudget.report.row import Row


def test_a_report_is_written_by_its_module(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_text("the model")
    row = Row("m.budget.yaml", "max_bytes", "m.budget.yaml:4:3", "int8", "within")
    [report] = [report for report in REPORTS if report.name == "artifacts"]
    report.write(tmp_path / "dist", [replace(row, artifact=str(model))])
    assert (tmp_path / "dist" / "m.int8.tflite").read_text() == "the model"

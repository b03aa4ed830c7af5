"""The reports that are written to a path: when, where, and what is said of them."""

import json
from importlib import metadata

import pytest
from jsonschema import Draft202012Validator

from pytest_modelbudget.report.report_document import report_schema
from tests.conftest import Project


def test_the_json_report_has_all_variants_and_limits(built: Project) -> None:
    built.edit("blobs.budget.yaml", "max_bytes: 6300", "max_bytes: 6299")
    result = built.pytest("--budget-json=out/report.json")
    assert result.exitcode == 1
    result.has("JSON report written to out/report.json")
    found = json.loads((built.root / "out" / "report.json").read_text())
    Draft202012Validator(report_schema()).validate(found)
    assert found["is_complete"]
    assert [(each["variant"], each["outcome"]) for each in found["variants"]] == [
        ("float32", "exceeded"),
        ("int8", "within"),
    ]


def test_the_details_of_a_variant_travel_out_of_xdist_workers(built: Project) -> None:
    """Each limit of int8 may run in another worker, and one of them has the latency."""
    built.edit("blobs.budget.yaml", "max_gzip_bytes: 1 kB", "max_latency: 1 s")
    built.edit("blobs.budget.yaml", "blobs:calibration", "data:calibration")
    code = "import os\nfrom blobs import calibration\n\nTASTE = os.environ.get('TASTE')\n"
    built.write("data.py", code)
    result = built.pytest("-n2", "--budget-json=report.json")
    assert result.exitcode == 0, result.output
    floats, int8 = json.loads((built.root / "report.json").read_text())["variants"]
    before, after = int8["details"]["stages"]
    assert (before["name"], after["name"]) == ("", "quantize")
    assert before["size_bytes"] > after["size_bytes"] > after["gzip_bytes"]
    assert before["score"] > 0.9
    assert int8["details"]["recipe"] == ["quantize: {scheme: int8}"]
    assert {"name": "numpy", "version": metadata.version("numpy")} in int8["details"]["tools"]
    assert "blobs.py" in [each["path"] for each in int8["details"]["files"]]
    assert {"name": "TASTE", "sha256": ""} in int8["details"]["variables"]
    assert "numpy" in [each["name"] for each in int8["details"]["packages"]]
    percentiles_s = int8["details"]["latency"]["percentiles_s"]
    assert len(percentiles_s) == 101
    assert percentiles_s == sorted(percentiles_s)
    assert floats["details"]["latency"] is None
    assert floats["details"]["omitted"] == int8["details"]["omitted"] == []


def test_a_path_that_cannot_be_written_is_refused_before_anything_is_collected(
    blobs: Project,
) -> None:
    (blobs.root / "out").mkdir()
    result = blobs.pytest("--budget-json=out")
    assert result.exitcode == 4
    result.has("ERROR: --budget-json: out is a directory; name a file")
    assert "collected" not in result.output
    assert not (blobs.root / ".modelbudget").exists()


@pytest.mark.parametrize("name", ["html", "artifacts"])
def test_a_path_that_is_empty_is_refused(name: str, built: Project) -> None:
    result = built.pytest(f"--budget-{name}=")
    assert result.exitcode == 4
    result.has(f"ERROR: --budget-{name}: the path is empty; write --budget-{name}=PATH")


def test_a_report_that_cannot_be_written_in_the_end_fails_the_session(built: Project) -> None:
    built.write("test_path.py", "def test_path(): __import__('os').mkdir('report.json')")
    result = built.pytest("--budget-json=report.json", "-k", "float32 and max_bytes or path")
    assert result.exitcode == 1
    result.has("--budget-json: [Errno 21] Is a directory: '", "report.json'")


def test_a_session_without_limits_writes_no_report_and_says_so(blobs: Project) -> None:
    result = blobs.pytest("--budget-json=report.json", "-k", "nothing")
    assert result.exitcode == 5
    result.has("--budget-json: no limit ran, so report.json was not written")
    assert not (blobs.root / "report.json").exists()
    blobs.write("report.json", "old")
    result = blobs.pytest("--budget-json=report.json", "-k", "nothing")
    result.has("--budget-json: no limit ran, so report.json is left as it was")


def test_other_tests_are_not_disturbed_by_the_ini_option(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\nmodelbudget_json = report.json\n")
    project.write("test_nothing.py", "def test_nothing(): pass")
    result = project.pytest()
    assert result.exitcode == 0
    assert "report.json" not in result.output

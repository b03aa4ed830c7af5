"""Annotations on the lines of budget files: GitHub's commands, and GitLab's code quality."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbudget.errors import Problem, Span
from pytest_modelbudget.report.annotations import of_problems, of_rows
from pytest_modelbudget.report.codequality import write
from pytest_modelbudget.report.record import Record
from tests.report.rows import DROP, FLOAT32, NOT_BUILT, UNMEASURED


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, a folder of a repository."""
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "models: new"
    inner.mkdir()
    monkeypatch.chdir(inner)
    return inner


def test_a_limit_that_failed_is_annotated_in_the_repository(folder: Path) -> None:
    rows = [FLOAT32, DROP, UNMEASURED.unmeasured("100 % busy"), NOT_BUILT.not_built("no module")]
    exceeded, unmeasured, not_built = of_rows(rows)
    assert exceeded.github_command().partition("%0A")[0] == (
        "::error file=models%3A new/digits.budget.yaml,line=8,col=14,"
        "title=digits.budget.yaml int8 max_accuracy_drop::"
        "max_accuracy_drop: 0.750 pp is 0.250 pp over the limit of 0.5 pp"
    )
    assert unmeasured.github_command().endswith(
        "::min_accuracy could not be measured: 100 %25 busy%0Adigits.budget.yaml:8:14"
    )
    assert (not_built.path, not_built.line) == (f"{folder.name}/kws.budget.yaml", 4)
    assert not_built.text == "max_gzip_bytes: not built: no module\nkws.budget.yaml:4:3"


def test_a_file_outside_a_repository_is_named_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (one,) = of_rows([replace(DROP, place="/elsewhere/x.budget.yaml:1:2")])
    assert one.path == "/elsewhere/x.budget.yaml"


def test_code_quality_has_an_entry_for_each_failure_and_mistake(folder: Path) -> None:
    problem = Problem(Span(folder / "a.budget.yaml", 3, 5), "budget", "unknown key 'x'", "write y")
    record = Record((FLOAT32, DROP), (), mistakes=tuple(of_problems([problem])))
    assert write(folder / "cq.json", record) == ["code quality report written to cq.json"]
    mistake, exceeded = json.loads((folder / "cq.json").read_text())
    assert mistake.pop("fingerprint") != exceeded.pop("fingerprint")
    assert mistake == {
        "description": "models: new/a.budget.yaml: budget: unknown key 'x'; write y",
        "check_name": "budget-file",
        "severity": "major",
        "location": {"path": "models: new/a.budget.yaml", "lines": {"begin": 3}},
    }
    assert exceeded == {
        "description": "digits.budget.yaml int8: max_accuracy_drop: 0.750 pp is 0.250 pp over the "
        "limit of 0.5 pp",
        "check_name": "max_accuracy_drop",
        "severity": "major",
        "location": {"path": "models: new/digits.budget.yaml", "lines": {"begin": 8}},
    }


def test_a_fingerprint_stays_while_the_limit_fails(folder: Path) -> None:
    prints = []
    for row in (DROP, replace(DROP, measured=0.01, place="digits.budget.yaml:9:14")):
        write(folder / "cq.json", Record((row,), ()))
        prints += [entry["fingerprint"] for entry in json.loads(Path("cq.json").read_text())]
    assert prints[0] == prints[1]

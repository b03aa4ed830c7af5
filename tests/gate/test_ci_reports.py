"""What CI services show of a session: Markdown, step summary, annotations, code quality."""

import json

import pytest

from tests.conftest import Project

REPORTS = ("--budget-markdown=comment.md", "--budget-codequality=quality.json")


@pytest.fixture
def github(blobs: Project) -> dict[str, str]:
    blobs.write("summary.md", "# An earlier step\n")
    return {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(blobs.root / "summary.md")}


def commands(output: str) -> list[str]:
    return [line.partition("%0A")[0] for line in output.splitlines() if line.startswith("::")]


def test_a_failure_reaches_every_report(built: Project, github: dict[str, str]) -> None:
    built.edit("blobs.budget.yaml", "max_bytes: 6300", "max_bytes: 6299")
    built.edit("blobs.budget.yaml", "calibration: blobs:calibration", "calibration: blobs:broken")
    built.write("blobs.py", f"{(built.root / 'blobs.py').read_text()}\ndef broken(): 1 / 0\n")

    result = built.pytest(*REPORTS, env=github)

    assert result.exitcode == 1
    cause = "recipe > int8 > quantize: blobs:broken raised ZeroDivisionError: division by zero"
    first, *others = commands(result.output)
    assert first == (
        "::error file=blobs.budget.yaml,line=8,col=14,title=blobs.budget.yaml float32 max_bytes"
        "::max_bytes: 6,300 B is 1 B (0.016 %25) over the limit of 6,299 B"
    )
    assert [line.partition(" (blobs.py")[0] for line in others] == [
        f"::error file=blobs.budget.yaml,line=11,col={column},title=blobs.budget.yaml int8 {name}"
        f"::{name}: not built: blobs.budget.yaml:10:5: {cause}"
        for column, name in [(14, "max_bytes"), (31, "max_gzip_bytes"), (53, "max_accuracy_drop")]
    ]
    comment = (built.root / "comment.md").read_text()
    assert "\n## Model budgets: 1 exceeded, 3 not built of 5 limits\n" in comment
    assert cause in comment
    assert (built.root / "summary.md").read_text() == f"# An earlier step\n\n{comment}"
    quality = json.loads((built.root / "quality.json").read_text())
    assert [entry["location"]["lines"]["begin"] for entry in quality] == [8, 11, 11, 11]


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["alone", "xdist"])
def test_a_mistake_in_a_budget_file_reaches_every_report(
    blobs: Project, github: dict[str, str], options: tuple[str, ...]
) -> None:
    blobs.edit("blobs.budget.yaml", "max_bytes: 6300", "max_byte: 6300")

    result = blobs.pytest(*REPORTS, *options, env=github)

    assert commands(result.output) == [
        "::error file=blobs.budget.yaml,line=8,col=14,title=blobs.budget.yaml budget-file"
        "::variants > float32 > budget: unknown key 'max_byte'; did you mean 'max_bytes'?"
    ]
    comment = (blobs.root / "comment.md").read_text()
    assert "unknown key 'max_byte'" in comment
    assert (blobs.root / "summary.md").read_text().endswith(comment)
    quality = json.loads((blobs.root / "quality.json").read_text())
    assert [entry["check_name"] for entry in quality] == ["budget-file"]


def test_outside_of_ci_nothing_is_written_unasked(built: Project) -> None:
    built.edit("blobs.budget.yaml", "max_bytes: 6300", "max_bytes: 6299")
    before = {path.name for path in built.root.iterdir()}
    result = built.pytest("-k", "max_bytes")
    assert commands(result.output) == []
    assert {path.name for path in built.root.iterdir()} - before <= {".modelbudget", "__pycache__"}


def test_a_summary_that_cannot_be_written_fails_nothing(built: Project) -> None:
    env = {"GITHUB_STEP_SUMMARY": str(built.root / "absent" / "summary.md")}
    result = built.pytest("-k", "float32 and max_bytes", env=env)
    assert result.exitcode == 0
    result.has("GITHUB_STEP_SUMMARY: [Errno 2] No such file or directory: ")

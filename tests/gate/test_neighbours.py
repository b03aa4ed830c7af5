"""Other plugins of pytest in the same session, each with its real release."""

import json
import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from tests.conftest import Project, outcomes

FLOAT32 = "blobs.budget.yaml::float32::max_bytes"


@pytest.fixture
def exceeded(built: Project) -> Project:
    """Return a project with one limit that is exceeded, and an ordinary test."""
    built.edit("blobs.budget.yaml", "max_bytes: 6300", "max_bytes: 6299")
    built.write("test_other.py", "def test_other(): pass\n")
    return built


class Rows(HTMLParser):
    """The data of the table that pytest-html renders."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tests: dict[str, list[dict[str, str]]] = {}
        self.feed(page)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if blob := dict(attrs).get("data-jsonblob"):
            self.tests = json.loads(blob)["tests"]


def test_pytest_html_has_a_row_for_each_limit(exceeded: Project) -> None:
    exceeded.pytest("-p", "metadata", "-p", "html", "--html=page.html", "--self-contained-html")
    rows = Rows((exceeded.root / "page.html").read_text()).tests
    results = {name: row[0]["result"] for name, row in rows.items()}
    assert Counter(results.values()) == {"Passed": 5, "Failed": 1}
    assert results[FLOAT32] == "Failed"
    assert (
        "max_bytes: 6,300 B is 1 B (0.016 %) over the limit of 6,299 B" in rows[FLOAT32][0]["log"]
    )


def test_pytest_rerunfailures_gives_the_same_verdict_again(exceeded: Project) -> None:
    result = exceeded.pytest(
        "-p",
        "rerunfailures",
        "--reruns=2",
        "-v",
        "--budget-artifacts=dist",
        "--budget-markdown=r.md",
    )
    assert result.exitcode == 1
    result.has("5 passed, 2 rerun")
    assert outcomes(result.output)[FLOAT32] == "FAILED"
    assert result.output.count("EXCEEDED") == 1
    assert "## Model budgets: 1 exceeded of 5 limits" in (exceeded.root / "r.md").read_text()
    entries = (exceeded.root / ".modelbudget" / "entries").rglob("model.tflite")
    assert len(list(entries)) == 3, "those that were cached before"
    assert [path.name for path in (exceeded.root / "dist").glob("*.tflite")] == [
        "blobs.int8.tflite"
    ]


def test_pytest_randomly_changes_no_outcome(exceeded: Project) -> None:
    result = exceeded.pytest("-p", "randomly", "--randomly-seed=1", "-v")
    found = outcomes(result.output)
    assert Counter(found.values()) == {"PASSED": 5, "FAILED": 1}
    assert found[FLOAT32] == "FAILED"


def test_pytest_timeout_stops_a_limit_that_waits_for_its_build(blobs: Project) -> None:
    blobs.edit(
        "blobs.py", "def calibration", "def slow():\n    time.sleep(60)\n\n\ndef calibration"
    )
    blobs.write("blobs.py", f"import time\n{(blobs.root / 'blobs.py').read_text()}")
    blobs.edit("blobs.budget.yaml", "calibration: blobs:calibration", "calibration: blobs:slow")
    result = blobs.pytest("-p", "timeout", "--timeout=1", "-k", "int8 and max_bytes", "-v")
    assert result.exitcode == 1
    result.has("blobs.budget.yaml::int8::max_bytes", "Timeout (>1.0s) from pytest-timeout")


def test_pytest_cov_measures_the_tests_beside_the_limits(exceeded: Project) -> None:
    result = exceeded.pytest("-p", "pytest_cov", "--cov=test_other", "--cov-report=term", "-v")
    assert Counter(outcomes(result.output).values()) == {"PASSED": 5, "FAILED": 1}
    result.has("test_other.py 1 0 100%")


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["alone", "xdist"])
def test_github_shows_each_failure_once(exceeded: Project, options: tuple[str, ...]) -> None:
    exceeded.edit("blobs.budget.yaml", "calibration: blobs:calibration", "calibration: other:data")
    exceeded.write("other.py", "def data(): raise OSError('gone')")
    plugin = "pytest_github_actions_annotate_failures"
    result = exceeded.pytest("-p", plugin, *options, env={"GITHUB_ACTIONS": "true"})
    # The plugin writes to another stream, behind the letters of pytest's progress.
    lines = re.findall(r"::error .*line=(\d+)", result.output)
    assert Counter(lines) == {"8": 1, "11": 3}

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Result
from tools.release_notes import release_notes

ROOT = Path(__file__).parents[2]
CHANGELOG = """\
# Changelog

## Unreleased

## [1.10.0] - 2027-02-01

### Added

- Ten.

## 1.1.0

- One, two.

## 1.0.0 - 2027-01-01

- One.
"""


@pytest.mark.parametrize(
    ("version", "notes"),
    [
        ("1.10.0", "### Added\n\n- Ten.\n"),
        ("1.1.0", "- One, two.\n"),
        ("1.0.0", "- One.\n"),
    ],
)
def test_a_section_without_its_heading(version: str, notes: str) -> None:
    assert release_notes(CHANGELOG, version) == notes


@pytest.mark.parametrize("version", ["Unreleased", "1.1", "1.1x0", "2.0.0"])
def test_a_missing_or_empty_section_is_an_error(version: str) -> None:
    with pytest.raises(LookupError) as caught:
        release_notes(CHANGELOG, version)
    expected = f"CHANGELOG.md has nothing under '## {version}': write what changed"
    assert caught.value.args == (expected,)


def run(*words: str) -> Result:
    command = [sys.executable, "tools/release_notes.py", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return Result(done.returncode, done.stdout + done.stderr)


def test_the_program_reads_the_changelog_of_this_project() -> None:
    unreleased = run("Unreleased")
    assert unreleased.exitcode == 0
    assert unreleased.output in (ROOT / "CHANGELOG.md").read_text()
    missing = "CHANGELOG.md has nothing under '## 99.0': write what changed\n"
    assert run("99.0") == Result(1, missing)
    assert run() == Result(1, "usage: python tools/release_notes.py VERSION\n")

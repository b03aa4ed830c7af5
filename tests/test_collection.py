"""What a plain ``pytest`` collects: every test file, without importing TensorFlow."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import COLLECTED, TENSORFLOW

ROOT = Path(__file__).parents[1]
COLLECT = f"""
import sys, pytest
pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider"])
print([name for name in {TENSORFLOW} if name in sys.modules])
"""


def collected(config: pytest.Config) -> tuple[set[str], str]:
    """Return the files of all tests, and what of TensorFlow was executed when they were known."""
    options = config.option
    is_plain = [config.rootpath / each for each in config.args] == [ROOT / "tests"]
    if is_plain and not options.ignore and not options.ignore_glob:
        files, executed = config.stash[COLLECTED]
        return {str(file.relative_to(ROOT)) for file in files}, str(executed)
    run = subprocess.run(
        [sys.executable, "-c", COLLECT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *lines, executed_there = run.stdout.splitlines()
    return {line.partition("::")[0] for line in lines if "::" in line}, executed_there


def test_a_plain_run_collects_every_test_file_and_does_not_import_tensorflow(
    pytestconfig: pytest.Config,
) -> None:
    """pytest skips folders of some names without a message.

    A test module that uses TensorFlow at its top costs every run 10 s; see tests/lazy.py.
    """
    files, executed = collected(pytestconfig)
    assert files == {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    assert executed == "[]"

"""What a plain ``pytest`` collects: every test file, without importing TensorFlow."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# TensorFlow is a lazy module of tests/lazy.py until it is executed, and has no parts until then.
COLLECT = """
import sys, pytest
pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider"])
print("executed:", [name for name in ("tensorflow.python", "keras.src") if name in sys.modules])
"""


@pytest.fixture(scope="module")
def listed() -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", COLLECT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return run.stdout.splitlines()


def test_a_plain_run_collects_every_test_file(listed: list[str]) -> None:
    """pytest skips folders of some names without a message."""
    collected = {line.partition("::")[0] for line in listed if "::" in line}
    in_tree = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    assert collected == in_tree


def test_to_collect_does_not_import_tensorflow(listed: list[str]) -> None:
    """A test module that uses TensorFlow at its top costs every run 10 s; see tests/lazy.py."""
    assert listed[-1] == "executed: []"

"""A small project in a temporary directory, and pytest run on it as its user would."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from tests import lazy

lazy.install()

# A deadline fails on a busy machine, whatever the code does.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@dataclass(frozen=True)
class Result:
    exitcode: int
    output: str

    def has(self, *texts: str) -> None:
        """Assert that each text is a part of the output, in this order; columns may vary."""
        output, position = _narrow(self.output), 0
        for text in map(_narrow, texts):
            found = output.find(text, position)
            assert found >= 0, f"{text!r} is not in (or not in this order in):\n{self.output}"
            position = found + len(text)


REFUSE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in {modules}:
            raise ImportError(f"{{name}} was imported")

sys.meta_path.insert(0, Refuse())
"""


def _narrow(text: str) -> str:
    return re.sub(" +", " ", text)


class Project:
    """Files below ``root``, and the commands that a user would run there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
        return path

    def pytest(self, *args: str, env: Mapping[str, str] | None = None) -> Result:
        return self.run("-m", "pytest", "-p", "no:cacheprovider", *args, env=env)

    def refusing(self, *modules: str) -> dict[str, str]:
        """Return an environment in which no Python process can import ``modules``."""
        self.write("refuse/sitecustomize.py", REFUSE.format(modules=set(modules)))
        paths = [str(self.root / "refuse"), os.environ.get("PYTHONPATH", "")]
        return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def run(self, *args: str, env: Mapping[str, str] | None = None) -> Result:
        done = subprocess.run(
            [sys.executable, *args],
            cwd=self.root,
            env=_environment() | dict(env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Result(done.returncode, done.stdout)


def _environment() -> dict[str, str]:
    """Return the environment of a command, without what an import of tfmot in a test has set.

    https://github.com/tensorflow/model-optimization/issues/1119
    """
    own = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    return own | {"COLUMNS": "120", "CI": "true"}


def outcomes(output: str) -> dict[str, str]:
    """Return what became of each item, from the output of ``pytest -v``."""
    return dict(re.findall(r"^(\S+::\S+) (PASSED|FAILED|ERROR)", output, re.MULTILINE))


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds, and fail if it does not within a minute."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen within a minute")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    root.mkdir()
    (root / "pytest.ini").write_text("[pytest]\n")
    return Project(root)


BLOBS = """
version: 1
model: blobs.tflite
data:
  test: blobs:test
  calibration: blobs:calibration
variants:
  float32:
    budget: {max_bytes: 6300, min_accuracy: 0.96}
  int8:
    recipe: int8
    budget: {max_bytes: 4 kB, max_gzip_bytes: 1 kB, max_accuracy_drop: 1 pp}
"""


@pytest.fixture
def blobs(project: Project) -> Project:
    """Return a project with a float ``.tflite`` and a budget that holds."""
    for name in ("blobs.tflite", "blobs.py"):
        shutil.copy(Path(__file__).parent / "models" / name, project.root)
    project.write("blobs.budget.yaml", BLOBS)
    return project

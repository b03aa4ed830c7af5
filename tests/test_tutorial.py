"""The tutorial is followed: each file is written and each command run, in the order of the page."""

import os
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.test_contributing import patch

pytestmark = pytest.mark.tensorflow
ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tutorial.md").read_text()
VARYING = re.compile(r"[\d.]+ us|max_latency_ratio: .*|has [\w, ]+;|\.{2,}")


def blocks() -> Iterator[tuple[str, str]]:
    yield from re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


class Reader:
    """Somebody who does what the page says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        scripts = sysconfig.get_path("scripts")
        path = os.pathsep.join([scripts, os.environ["PATH"]])
        own = {"PATH": path, "REPOSITORY": str(ROOT), "COLUMNS": "80"}
        outside = ("CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "PYTEST_ADDOPTS")
        self._environment = {k: v for k, v in os.environ.items() if k not in outside} | own

    def run(self, command: str) -> str:
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.root,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stdout
        return done.stdout

    def follow(self, kind: str, text: str) -> None:
        if kind == "sh":
            for command in text.splitlines():
                if not command.startswith("pip install"):
                    assert self.run(command) == ""
        elif kind == "console":
            command, *lines = text.splitlines()
            self._compare(self.run(command.removeprefix("$ ")), lines)
        elif named := re.match(r"# (\S+)\n", text):
            self._write(self.root / named[1], kind, text[named.end() :])
        else:
            written = (self.root / "budgets" / "model.budget.yaml").read_text()
            assert masked(text) in masked(written)

    def _compare(self, output: str, lines: list[str]) -> None:
        position, found = 0, masked(output)
        for line in map(masked, lines):
            position = found.find(line, position)
            assert position >= 0, f"{line!r} is not in (or not in this order in):\n{output}"

    def _write(self, path: Path, kind: str, text: str) -> None:
        if kind == "diff":
            patch(path, text)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def masked(text: str) -> str:
    """Return text without what differs from run to run, and without the width of columns."""
    lines = (re.sub(r" +", " ", line).strip() for line in VARYING.sub("", text).splitlines())
    return "\n".join(lines)


def test_each_file_and_command_of_the_tutorial(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for kind, text in blocks():
        reader.follow(kind, text)
    workflow = yaml.safe_load((tmp_path / ".github/workflows/budgets.yml").read_text())
    steps = [step.get("run", "") for step in workflow["jobs"]["budgets"]["steps"]]
    [gate] = [step for step in steps if step.startswith("pytest")]
    output = reader.run(gate)
    assert " passed in " in output
    assert "built" not in output.replace("built-in", "")
    assert {file.suffix for file in (tmp_path / "dist").rglob("*.tflite")} == {".tflite"}

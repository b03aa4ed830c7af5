"""The tutorial is followed: each file is written and each command run, in the order of the page.

The README begins with the same model and data, so its samples are compared in the same folder.
"""

import os
import re
import shlex
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import MODELBUDGET, Project
from tests.test_contributing import patch

pytestmark = pytest.mark.tensorflow
ROOT = Path(__file__).parents[1]
BUDGET = Path("budgets", "model.budget.yaml")
PROGRAMS = {
    "pytest": [str(Path(sysconfig.get_path("scripts"), "pytest"))],
    "modelbudget": [MODELBUDGET],
    "python": [],
}
TERMINAL = {
    "CI": "",
    "COLUMNS": "80",
    "PYTEST_ADDOPTS": "-p no:randomly",  # the page shows the order of the file
}
VARYING = re.compile(r"[\d.]+ us|max_latency_ratio: .*|has [\w, ]+;|entries/\S+/|[=_]{9,}|\.{2,}")


def blocks(page: str) -> Iterator[tuple[str, str]]:
    text = (ROOT / page).read_text()
    yield from re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


class Reader:
    """Somebody who does what the page says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outputs: dict[str, str] = {}

    def run(self, command: str) -> str:
        program, *words = shlex.split(command)
        if program in PROGRAMS:  # forked, because most of them would import TensorFlow
            done = Project(self.root).forked(*PROGRAMS[program], *words, env=TERMINAL)
            assert done.exitcode in (0, 1), done.output
            return done.output
        environment = os.environ | {"REPOSITORY": str(ROOT)}
        return subprocess.check_output(
            command, shell=True, cwd=self.root, env=environment, stderr=subprocess.STDOUT, text=True
        )

    def follow(self, kind: str, text: str) -> None:
        if kind == "sh":
            for command in text.splitlines():
                if not command.startswith("pip install"):
                    assert self.run(command) == ""
        elif kind == "console":
            command, lines = console(text)
            self.outputs[command] = self.run(command)
            in_order(self.outputs[command], lines)
        elif named := re.match(r"# (\S+)\n", text):
            self._write(self.root / named[1], kind, text[named.end() :])
        else:
            assert masked(text) in masked((self.root / BUDGET).read_text())

    def _write(self, path: Path, kind: str, text: str) -> None:
        if kind == "diff":
            patch(path, text)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def console(text: str) -> tuple[str, list[str]]:
    """Return a command and the lines that the page shows below it."""
    command, *lines = text.splitlines()
    return command.removeprefix("$ "), lines


def in_order(output: str, lines: list[str]) -> None:
    position, found = 0, masked(output)
    for line in map(masked, lines):
        position = found.find(line, position)
        assert position >= 0, f"{line!r} is not in (or not in this order in):\n{output}"


def masked(text: str) -> str:
    """Return text without what differs from run to run, and without the width of columns."""
    lines = (re.sub(r" +", " ", line).strip() for line in VARYING.sub("", text).splitlines())
    return "\n".join(lines)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Return who has followed the tutorial to its end."""
    reader = Reader(tmp_path_factory.mktemp("tutorial"))
    for kind, text in blocks("docs/tutorial.md"):
        reader.follow(kind, text)
    return reader


def test_each_file_and_command_of_the_tutorial(reader: Reader) -> None:
    workflow = yaml.safe_load((reader.root / ".github/workflows/budgets.yml").read_text())
    steps = [step.get("run", "") for step in workflow["jobs"]["budgets"]["steps"]]
    [gate] = [step for step in steps if step.startswith("pytest")]
    output = reader.run(gate)
    assert " passed in " in output
    assert "built" not in output.replace("built-in", "")
    assert {file.suffix for file in (reader.root / "dist").rglob("*.tflite")} == {".tflite"}


def test_the_samples_at_the_top_of_the_readme(reader: Reader) -> None:
    (_, init), (_, budget), (_, gate) = list(blocks("README.md"))[:3]
    command, lines = console(init)
    assert lines[0] in reader.outputs[command].splitlines()  # the columns, as wide as they are
    in_order(reader.outputs[command], lines)
    shown, written = (yaml.safe_load(text) for text in (budget, (reader.root / BUDGET).read_text()))
    assert {**shown, "variants": ...} == {**written, "variants": ...}
    (reader.root / BUDGET).write_text(budget.partition("\n")[2])
    command, lines = console(gate)
    in_order(reader.run(command), lines)

"""Each page of CONTRIBUTING.md is followed: its code is added to a copy of the package and used."""

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pytest_modelbudget
from tests.conftest import Project, first_on_path, outcomes
from tests.recipes.reading import read

PACKAGE = Path(pytest_modelbudget.__file__).parent
PAGES = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
Follow = Callable[..., None]


def block(lines: list[str], *signs: str) -> str:
    """Return the lines that have one of these signs, without it and with line breaks around."""
    return "\n".join(["", *(line[1:] for line in lines if line[:1] in signs), ""])


def patch(path: Path, diff: str) -> None:
    text = path.read_text()
    for hunk in diff.split("\n...\n"):
        lines = [line or " " for line in hunk.strip("\n").split("\n")]
        old, new = block(lines, " ", "-"), block(lines, " ", "+")
        assert f"\n{text}".count(old) == 1, f"{path} has not one place for:\n{hunk}"
        text = f"\n{text}".replace(old, new)[1:]
    path.write_text(text)


def add(page: str, root: Path) -> None:
    """Do below ``root`` what the section ``page`` of CONTRIBUTING.md says."""
    [section] = re.findall(rf"^## {page}\n(.*?)^## ", PAGES, re.MULTILINE | re.DOTALL)
    steps = re.findall(r"^```(python|diff)\n# (\S+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert len(steps) > 1
    for kind, name, text in steps:
        if kind == "diff":
            patch(root / name, text)
        else:
            assert not (root / name).exists()
            (root / name).write_text(text)


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Follow:
    """Return what lets pytest in a project use the package as pages have changed it."""

    def follow(*pages: str) -> None:
        root = tmp_path / "changed"
        shutil.copytree(PACKAGE, root / PACKAGE.name)  # with the byte code of what stays
        for page in pages:
            add(page, root)
        for name, path in first_on_path(root).items():
            monkeypatch.setenv(name, path)

    return follow


BUDGET = """
version: 1
model: blobs.tflite
data: {calibration: blobs:calibration}
latency: {target: cortex-m4}
variants:
  float32:
    recipe: []
    budget: {max_lzma_bytes: 100 B, max_bytes: 1 MB, max_latency: 1 us}
  int8:
    recipe: int8
    budget: {max_operator_kinds: 2}
"""


def test_a_report_a_target_a_measurement_and_a_limit(follow: Follow, blobs: Project) -> None:
    """In an order in which no page can need what one before it in the file has added."""
    follow("Add a report", "Add a target", "Add a measurement", "Add a limit")
    blobs.write("blobs.budget.yaml", BUDGET)

    result = blobs.pytest("-v", "--budget-csv", "reports/limits.csv")

    file = "blobs.budget.yaml"
    assert outcomes(result.output) == {
        f"{file}::float32::max_lzma_bytes": "FAILED",
        f"{file}::float32::max_bytes": "PASSED",
        f"{file}::float32::max_latency": "FAILED",
        f"{file}::int8::max_operator_kinds": "FAILED",
    }
    result.has("the .tflite after LZMA compression")
    result.has("lower bound for 1,280 MACs on cortex-m4")  # 16 x 64 + 64 x 4
    result.has(
        "max_operator_kinds: 3 is 1 (50.0 %) over the limit of 2",
        "measured 3 kinds of operators: DEQUANTIZE, FULLY_CONNECTED, QUANTIZE",
        "what helps layers that convert to operators that the model already has",
    )
    with (blobs.root / "reports" / "limits.csv").open() as table:
        rows = {row["name"]: (row["limit"], row["outcome"]) for row in csv.DictReader(table)}
    assert len(rows) == 4
    assert rows["max_bytes"] == ("1000000", "within")
    assert rows["max_lzma_bytes"] == ("100", "exceeded")


MODEL = """
import tf_keras

def model():
    return tf_keras.Sequential([tf_keras.layers.Input((16,)), tf_keras.layers.Dense(4)])
"""
ROUNDED = """
version: 1
model: mine:model
recipe: [round_weights: {bits: 1}]
budget: {max_bytes: 1 MB}
"""


@pytest.mark.tensorflow
def test_a_stage(follow: Follow, project: Project) -> None:
    follow("Add a stage")
    project.write("mine.py", MODEL)
    project.write("rounded.budget.yaml", ROUNDED)

    result = project.pytest("--budget-artifacts", "passed")

    assert result.exitcode == 0, result.output
    [kernel] = read(project.root / "passed" / "rounded.tflite").kernels
    mantissas, _ = np.frexp(kernel.values)
    assert set(np.abs(mantissas).ravel()) == {0.5}

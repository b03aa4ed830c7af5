"""Each page of CONTRIBUTING.md is followed: its code is added to a copy of the package and used."""

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pytest_modelbudget
from tests.conftest import Project, Result, first_on_path, outcomes
from tests.recipes.reading import read

PACKAGE = Path(pytest_modelbudget.__file__).parent
PAGES = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
Follow = Callable[[str], None]


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
    """Return what lets pytest in a project use the package as a page has changed it."""

    def follow(page: str) -> None:
        root = tmp_path / "changed"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE, root / PACKAGE.name, ignore=ignored)
        add(page, root)
        for name, path in first_on_path(root).items():
            monkeypatch.setenv(name, path)

    return follow


def gate(project: Project, budget: str, *args: str) -> Result:
    """Write a budget for the float model of ``blobs``, and run pytest."""
    project.write("blobs.budget.yaml", f"version: 1\nmodel: blobs.tflite\nrecipe: []\n{budget}")
    return project.pytest("-v", *args)


def test_a_limit(follow: Follow, blobs: Project) -> None:
    follow("Add a limit")

    result = gate(
        blobs,
        "data: {calibration: blobs:calibration}\n"
        "variants: {int8: {recipe: int8, budget: {max_operator_kinds: 2}}}\n",
    )

    assert outcomes(result.output) == {"blobs.budget.yaml::int8::max_operator_kinds": "FAILED"}
    result.has(
        "max_operator_kinds: 3 is 1 (50.0 %) over the limit of 2",
        "measured 3 kinds of operators: DEQUANTIZE, FULLY_CONNECTED, QUANTIZE",
        "what helps layers that convert to operators that the model already has",
    )


def test_a_measurement(follow: Follow, blobs: Project) -> None:
    follow("Add a measurement")

    result = gate(blobs, "budget: {max_lzma_bytes: 100 B, max_bytes: 1 MB}\n")

    assert outcomes(result.output) == {
        "blobs.budget.yaml::max_lzma_bytes": "FAILED",
        "blobs.budget.yaml::max_bytes": "PASSED",
    }
    result.has("the .tflite after LZMA compression")


def test_a_target(follow: Follow, blobs: Project) -> None:
    follow("Add a target")

    result = gate(blobs, "latency: {target: cortex-m4}\nbudget: {max_latency: 1 us}\n")

    assert outcomes(result.output) == {"blobs.budget.yaml::max_latency": "FAILED"}
    result.has("lower bound for 1,280 MACs on cortex-m4")  # 16 x 64 + 64 x 4


def test_a_report(follow: Follow, blobs: Project) -> None:
    follow("Add a report")

    result = gate(blobs, "budget: {max_bytes: 1 MB}\n", "--budget-csv", "reports/limits.csv")

    assert result.exitcode == 0, result.output
    with (blobs.root / "reports" / "limits.csv").open() as file:
        [row] = csv.DictReader(file)
    assert (row["name"], row["limit"], row["outcome"]) == ("max_bytes", "1000000", "within")


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

"""The limit max_instructions, with the Valgrind of this machine and with what hides it."""

import json
import re
import shutil
from pathlib import Path

import pytest

from pytest_modelbudget.judge.results.inference_costs import Instructions
from tests.conftest import Project, Result, needs_valgrind, outcomes, shell_script

WORKERS = Path(__file__).parents[1] / "workers"
RECORDED = WORKERS / "measure" / "instructions"
BUDGET = """
version: 1
model: blobs.tflite
recipe: []
budget: {max_instructions: 1 k}
"""
REPORT = "--budget-json=all.json"


@pytest.fixture
def counted(blobs: Project) -> Project:
    blobs.write("blobs.budget.yaml", BUDGET)
    return blobs


def with_valgrind(project: Project, script: str, *args: str) -> Result:
    """Run pytest where Valgrind is a script."""
    folder = project.root / "bin"
    folder.mkdir(exist_ok=True)
    shell_script(folder / "valgrind", script)
    return project.pytest("-v", *args, env={"PATH": f"{folder}:/bin:/usr/bin"})


def written(model: str) -> str:
    """Return a script that writes what Valgrind has written once.

    Two processes below it take many times as long as all else: tests/workers/measure/instructions
    has them.
    """
    return f'for part in 1 2 3; do cp {RECORDED}/{model}.callgrind "counted.$part"; done; echo AVX2'


@needs_valgrind
def test_a_count_is_judged_and_used_again_with_the_same_valgrind_only(counted: Project) -> None:
    version = f'[ "$*" = --version ] && exec {shutil.which("valgrind")} --version'
    result = with_valgrind(counted, f"{version}; {written('blobs')}", REPORT)
    assert outcomes(result.output) == {"blobs.budget.yaml::max_instructions": "FAILED"}
    [count] = re.findall(r"measured +[\d.]+ k \(([\d,]+)\)", result.output)
    result.has(
        " over the limit of 1 k",
        "one invocation, 1 thread; valgrind-3.",
        "functions xnn_f32_gemm_minmax_ukernel_",
        "limit blobs.budget.yaml:4:10",
        "what helps an int8 recipe, operators that XNNPACK has, `prune_channels`, or a smaller",
    )

    counted.edit("blobs.budget.yaml", "1 k", count.replace(",", ""))
    again = with_valgrind(counted, f"{version}; exit 3")
    assert outcomes(again.output) == {"blobs.budget.yaml::max_instructions": "PASSED"}

    other = with_valgrind(counted, '[ "$*" = --version ] && echo valgrind-3.99.0 || exit 3')
    assert outcomes(other.output) == {"blobs.budget.yaml::max_instructions": "FAILED"}
    other.has(
        f"max_instructions could not be measured: {counted.root}/bin/valgrind exited with code 3 "
        "(no output)",
        "the log shows all that it wrote",
    )

    counted.edit("blobs.budget.yaml", "blobs.tflite", "loop.tflite")
    shutil.copy(WORKERS / "models" / "loop.tflite", counted.root)
    accept_blobs(counted)
    larger = with_valgrind(counted, f"{version}; {written('loop')}")
    larger.has(
        "max_instructions: ",
        "valgrind-3.",
        "functions ",
        "no XNNPACK while_kernel::Eval 9",
        "grew ",
        "fell back no longer in XNNPACK: while_kernel::Eval 9",
    )
    found = max(stored_counts(counted), key=lambda each: each.count)
    assert found.outside_xnnpack[0].name == "while_kernel::Eval"
    assert found.outside_xnnpack[0].instructions > 0.9 * found.count, "all iterations"
    # Some functions of C are also called where nothing is counted.
    assert found.count <= sum(each.instructions for each in found.functions) < 1.1 * found.count
    assert found.uncounted > 0


def stored_counts(project: Project) -> list[Instructions]:
    results = (project.root / ".modelbudget" / "entries").glob("*/*/*/result.json")
    texts = [result.read_text() for result in results]
    return [Instructions.model_validate_json(text) for text in texts if '"uncounted"' in text]


def accept_blobs(project: Project) -> None:
    """Write a ledger with what the report ``all.json`` has of the model."""
    [variant] = json.loads((project.root / "all.json").read_text())["variants"]
    figure = {"accepted": variant["limits"][0]["measured"], "anchor": 1}
    accepted = {"artifact": variant["artifact_sha256"], "figures": {"instructions": figure}}
    ledger = {"version": 1, "environments": {}, "data": {}, "variants": {"(model)": accepted}}
    project.write("blobs.ledger.json", json.dumps(ledger))


def test_without_valgrind_it_is_unmeasured(counted: Project) -> None:
    (counted.root / "bin").mkdir()
    (counted.root / "bin" / "sh").symlink_to(Path("/bin/sh"))
    result = counted.pytest("-v", env={"PATH": str(counted.root / "bin")})
    assert outcomes(result.output) == {"blobs.budget.yaml::max_instructions": "FAILED"}
    result.has(
        "max_instructions could not be measured: Valgrind, which counts instructions, is missing; "
        "install it, for example with `apt-get install valgrind`",
        "blobs.budget.yaml:4:10",
    )

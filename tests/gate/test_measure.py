import json
from xml.etree import ElementTree

import numpy as np

from tests.conftest import Project, outcomes

LOOK = """
version: 1
model: blobs.tflite
data: {test: blobs:test, calibration: blobs:calibration}
variants:
  float32:
  int8: {recipe: int8, budget: }
  judged: {recipe: dynamic, budget: {max_bytes: 1 B}}
"""
OF_FLOAT32 = [
    "bytes",
    "gzip_bytes",
    "accuracy",
    "latency",
    "latency_p90",
    "latency_p99",
    "memory",
    "macs",
    "instructions",
    "sparsity",
    "unique_weights",
]


def test_every_figure_of_every_variant_is_measured_and_none_is_judged(built: Project) -> None:
    built.write("blobs.budget.yaml", LOOK)
    result = built.pytest(
        "--budget-measure",
        "-v",
        "-k",
        # Instructions take seconds, and all variants have the same figures of latency.
        "(not judged or bytes) and not instructions and (not int8 or not latency or ratio)",
        "--budget-artifacts=passed",
        "--budget-json=all.json",
        "--junitxml=all.xml",
    )
    assert result.exitcode == 0, result.output
    found = outcomes(result.output)
    names = [name for name in OF_FLOAT32 if name != "instructions"]
    assert list(found)[:10] == [f"blobs.budget.yaml::float32::{name}" for name in names]
    assert found["blobs.budget.yaml::int8::accuracy_drop"] == "PASSED"
    assert found["blobs.budget.yaml::int8::latency_ratio"] == "PASSED"
    assert list(found)[-2:] == [f"blobs.budget.yaml::judged::{name}" for name in OF_FLOAT32[:2]]
    result.has(
        "model budgets: nothing was judged (--budget-measure)",
        "bytes 6.30 kB",
        "macs 1.28 k",
        "artifacts copied to passed: 0 of 3",
        "not copied: blobs.budget.yaml judged: nothing was judged",
    )
    assert "allowed" not in result.output
    assert "EXCEEDED" not in result.output
    assert not (built.root / "passed").exists()
    limits = json.loads((built.root / "all.json").read_text())["variants"][1]["limits"]
    assert {limit["outcome"] for limit in limits} == {"measured"}
    assert {limit["message"] for limit in limits} == {""}
    drop = next(limit for limit in limits if limit["name"] == "accuracy_drop")
    assert drop["measured_low"] < drop["measured"] < drop["measured_high"]
    ratio = next(limit for limit in limits if limit["name"] == "latency_ratio")
    assert 0 < ratio["measured_low"] <= ratio["measured"] <= ratio["measured_high"]
    assert drop["written_unit"] == "pp"
    [case] = [
        case
        for case in ElementTree.parse(built.root / "all.xml").iter("testcase")
        if case.attrib["name"] == "bytes" and "int8" in case.attrib["classname"]
    ]
    assert {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}[
        "outcome"
    ] == "measured"


def test_a_variant_without_a_limit_is_an_error_where_limits_are_judged(blobs: Project) -> None:
    blobs.write("blobs.budget.yaml", LOOK)
    result = blobs.pytest("--collect-only", "-q")
    assert result.exitcode == 2
    result.has(
        "blobs.budget.yaml:5:3: variants > float32: there is no limit",
        "blobs.budget.yaml:6:24: variants > int8 > budget: there is no limit",
    )
    for way in (["--budget-measure"], ["-o", "modelbudget_measure=true"]):
        items = blobs.pytest("--collect-only", "-q", *way).output.splitlines()
        assert items[:11] == [f"blobs.budget.yaml::float32::{name}" for name in OF_FLOAT32]


def test_only_figures_that_apply_are_measured(built: Project) -> None:
    board = "[python, -c, \"print('{\\\"latency_s\\\": 0.5}')\", '{model}']"
    built.write(
        "blobs.budget.yaml",
        f"""
        version: 1
        model: blobs.tflite
        recipe: dynamic
        variants:
          without_data:
          board: {{latency: {{target: {{command: {board}}}}}}}
        """,
    )
    options = ("--budget-measure", "-k", "latency or accuracy or memory")
    figures = [f"latency{each}" for each in ("", "_p90", "_p99", "_ratio")] + ["memory"]
    listed = built.pytest(*options, "--collect-only", "-q").output.splitlines()
    assert listed[:5] == [f"blobs.budget.yaml::without_data::{figure}" for figure in figures]
    result = built.pytest("--budget-measure", "-v", "-k", "board and (latency or memory)")
    assert result.exitcode == 0, result.output
    assert list(outcomes(result.output)) == ["blobs.budget.yaml::board::latency"]
    result.has(
        "latency 500 ms",
        "latency_p90 UNMEASURED the target does not report p90_s",
        "3 skipped",
    )


def test_a_build_that_fails_is_an_error_and_the_rest_is_measured(built: Project) -> None:
    np.savez(built.root / "wrong.npz", x=np.zeros((20, 3), np.float32), y=np.zeros(20, np.int64))
    built.write(
        "blobs.budget.yaml",
        """
        version: 1
        model: blobs.tflite
        data: {test: blobs:test, calibration: wrong.npz}
        variants:
          float32: {}
          int8: {recipe: int8}
        """,
    )
    result = built.pytest("--budget-measure", "-v", "-k", "bytes", "-n2")
    assert result.exitcode == 1
    result.has("bytes 6.30 kB", "2 passed, 2 errors")
    result.has("bytes NOT BUILT\n", "gzip_bytes NOT BUILT\n")

"""Comparisons with the artifact that was accepted, while the cache has it and without it."""

import json
import re
import shutil
from typing import Any

from tests.conftest import Project

BUDGET = """
version: 1
model: blobs.tflite
data: {test: blobs:test, calibration: blobs:calibration}
recipe: dynamic
budget: {max_accuracy_loss: 1 pp, max_latency_growth: 1 s}
"""
HERE = {"CI": ""}
ALONE = (
    "max_accuracy_loss compares score against score: the outcomes of the accepted artifact are "
    "not in the cache"
)


def measured(project: Project) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit code of a session, and its limits by name."""
    result = project.pytest("--budget-json=report.json")
    [variant] = json.loads((project.root / "report.json").read_text())["variants"]
    return int(result.exitcode), {limit["name"]: limit for limit in variant["limits"]}


def accept_slower(project: Project) -> None:
    """Let the accepted latency be far from any that is measured, so that timing soon ends."""
    path = project.root / "blobs.ledger.json"
    ledger = json.loads(path.read_text())
    [variant] = ledger["variants"].values()
    for name, figure in variant["figures"].items():
        if name.startswith("latency"):
            figure |= {"accepted": 0.1, "anchor": 0.1}
    path.write_text(json.dumps(ledger))


def test_accepted_artifacts_are_found_by_their_digest(blobs: Project) -> None:
    blobs.write("blobs.budget.yaml", BUDGET)
    assert blobs.pytest("--budget-update", env=HERE).exitcode == 0
    accept_slower(blobs)

    blobs.edit("blobs.budget.yaml", "recipe: dynamic", "recipe: int8")
    code, found = measured(blobs)
    assert code == 0
    assert "(paired, Tango)" in found["max_accuracy_loss"]["how"]
    assert not found["max_accuracy_loss"]["notes"]
    assert found["max_latency_growth"]["how"].startswith("both artifacts, measured alternately; ")

    shutil.rmtree(blobs.root / ".modelbudget")
    code, alone = measured(blobs)
    assert code == 0
    assert "(Wilson)" in alone["max_accuracy_loss"]["how"]
    assert alone["max_accuracy_loss"]["notes"] == [ALONE]
    assert alone["max_latency_growth"]["how"].startswith("p50 of ")

    ledger = blobs.root / "blobs.ledger.json"
    ledger.write_text(re.sub("latency@.{12}", "latency@another-host", ledger.read_text()))
    code, elsewhere = measured(blobs)
    assert code == 1
    assert elsewhere["max_latency_growth"]["outcome"] == "unmeasured"
    assert (
        "none was accepted yet on this machine; accept it with"
        in (elsewhere["max_latency_growth"]["how"])
    )


def test_a_score_on_other_samples_is_unmeasured_until_it_is_accepted(blobs: Project) -> None:
    blobs.write("blobs.budget.yaml", BUDGET.replace(", max_latency_growth: 1 s", ""))
    assert blobs.pytest("--budget-update", env=HERE).exitcode == 0
    blobs.edit("blobs.budget.yaml", "test: blobs:test", "test: blobs:calibration")
    changed = blobs.pytest()
    assert changed.exitcode == 1
    changed.has("the score was accepted on other samples: blobs:calibration had the digest")
    accepted = blobs.pytest("--budget-update", env=HERE)
    assert accepted.exitcode == 0
    assert blobs.pytest().exitcode == 0

"""Comparisons with the artifact that was accepted, while the cache has it and without it."""

import json
import re
import shutil
from typing import Any

from pytest_modelbudget.protocol.digests import file_digest
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


def forget_accepted(project: Project) -> None:
    """Remove the accepted artifact from the cache."""
    ledger = json.loads((project.root / "blobs.ledger.json").read_text())
    [variant] = ledger["variants"].values()
    models = (project.root / ".modelbudget" / "entries").rglob("model.tflite")
    [accepted] = [each for each in models if file_digest(each) == variant["artifact"]]
    shutil.rmtree(accepted.parent)


def test_accepted_artifacts_are_found_by_their_digest(built: Project) -> None:
    # The first latency under a limit of growth would be timed for as long as a failure.
    built.write("blobs.budget.yaml", BUDGET.replace("max_latency_growth", "max_latency"))
    assert built.pytest("--budget-update", env=HERE).exitcode == 0
    accept_slower(built)

    built.edit("blobs.budget.yaml", "max_latency", "max_latency_growth")
    built.edit("blobs.budget.yaml", "recipe: dynamic", "recipe: int8")
    code, found = measured(built)
    assert code == 0
    assert "(paired, Tango)" in found["max_accuracy_loss"]["how"]
    assert not found["max_accuracy_loss"]["notes"]
    assert found["max_latency_growth"]["how"].startswith("both artifacts, measured alternately; ")

    forget_accepted(built)
    code, alone = measured(built)
    assert code == 0
    assert "(Wilson)" in alone["max_accuracy_loss"]["how"]
    assert alone["max_accuracy_loss"]["notes"] == [ALONE]
    assert alone["max_latency_growth"]["how"].startswith("p50 of ")

    ledger = built.root / "blobs.ledger.json"
    ledger.write_text(re.sub("latency@.{12}", "latency@another-host", ledger.read_text()))
    code, elsewhere = measured(built)
    assert code == 1
    assert elsewhere["max_latency_growth"]["outcome"] == "unmeasured"
    assert (
        "none was accepted yet on this machine; accept it with"
        in (elsewhere["max_latency_growth"]["how"])
    )


def test_a_score_on_other_samples_is_unmeasured_until_it_is_accepted(built: Project) -> None:
    built.write("blobs.budget.yaml", BUDGET.replace(", max_latency_growth: 1 s", ""))
    assert built.pytest("--budget-update", env=HERE).exitcode == 0
    built.edit("blobs.budget.yaml", "test: blobs:test", "test: blobs:calibration")
    changed = built.pytest()
    assert changed.exitcode == 1
    changed.has("the score was accepted on other samples: blobs:calibration had the digest")
    accepted = built.pytest("--budget-update", env=HERE)
    assert accepted.exitcode == 0
    assert built.pytest().exitcode == 0

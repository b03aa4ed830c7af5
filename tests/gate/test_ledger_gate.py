"""``--budget-update`` and limits of growth as a user sees them."""

import json
from collections.abc import Mapping
from html import unescape
from importlib import metadata
from typing import Any

import pytest

from tests.conftest import MODELBUDGET, Project, Result, outcomes

HERE: Mapping[str, str] = {"CI": ""}
BUDGET = """
version: 1
model: blobs.tflite
data: {test: blobs:test, calibration: blobs:calibration}
variants:
  float32:
    budget: {max_bytes: 6300, max_bytes_growth: 1%}
  small:
    recipe: dynamic
    budget: {max_bytes_growth: 1%, max_accuracy_loss: 1 pp, max_macs_growth: 0%}
"""


@pytest.fixture
def gate(built: Project) -> Project:
    built.write("blobs.budget.yaml", BUDGET)
    return built


def accepted(project: Project, *args: str, env: Mapping[str, str] = HERE) -> Result:
    return project.pytest("-v", "--budget-update", *args, env=env)


def ledger(project: Project) -> Any:
    return json.loads((project.root / "blobs.ledger.json").read_text())


def test_what_is_accepted_is_what_growth_counts_from(gate: Project) -> None:
    first = gate.pytest("-v", "-rN")
    assert first.exitcode == 1
    first.has(
        "max_bytes_growth could not be measured: bytes is 6.30 kB, and none was accepted yet; "
        "accept it with `pytest blobs.budget.yaml --budget-update`",
        "max_bytes_growth UNMEASURED",
    )
    assert not (gate.root / "blobs.ledger.json").exists()  # nothing else ever writes it

    # The path is not the value of the option.
    taken = accepted(gate, "blobs.budget.yaml", "--budget-json=report.json")
    assert taken.exitcode == 0
    limits = json.loads((gate.root / "report.json").read_text())["variants"][0]["limits"]
    [grown] = [each for each in limits if each["name"] == "max_bytes_growth"]
    assert (grown["outcome"], grown["how"]) == (
        "accepted",
        "bytes is 6.30 kB, and none was accepted yet",
    )
    taken.has(
        "max_bytes_growth ACCEPTED",
        "blobs.ledger.json was written:",
        "  float32 bytes 6.30 kB (new)",
        "  small bytes 3.27 kB (new)",
        "  small accuracy 0.9650 (new)",
        "  small macs 1.28 k (new)",
    )
    text = (gate.root / "blobs.ledger.json").read_text()
    assert str(gate.root) not in text

    held = gate.pytest("-v")
    assert held.exitcode == 0
    held.has("float32", "max_bytes_growth 0.00 % 1 % +1.00 %")
    again = accepted(gate)
    assert again.exitcode == 0
    again.has("blobs.ledger.json: nothing to accept")
    assert (gate.root / "blobs.ledger.json").read_text() == text


def test_growth_is_red_until_it_is_accepted(gate: Project) -> None:
    accepted(gate)
    gate.edit("blobs.budget.yaml", "recipe: dynamic", "recipe: int8")
    grown = gate.pytest("-v", "-rN")
    assert grown.exitcode == 1
    assert outcomes(grown.output) == {
        "blobs.budget.yaml::float32::max_bytes": "PASSED",
        "blobs.budget.yaml::float32::max_bytes_growth": "PASSED",
        "blobs.budget.yaml::small::max_bytes_growth": "FAILED",
        "blobs.budget.yaml::small::max_accuracy_loss": "PASSED",
        "blobs.budget.yaml::small::max_macs_growth": "PASSED",
    }
    grown.has(
        "max_bytes_growth: bytes grew by 11.5 %, from 3.27 kB (accepted) to 3.65 kB; "
        "allowed is 1 %",
        "measured 3.65 kB (3,648 B) the .tflite as it is",
        "grew most +242 B graph",
        "+74 B names",
        "+60 B quantization parameters",
        "baseline 3.27 kB (accepted)",
        "or accept it: pytest blobs.budget.yaml --budget-update",
    )
    before = (gate.root / "blobs.ledger.json").read_text()

    shown = accepted(gate, "-rN", env={"CI": "true"})
    assert shown.exitcode == 1  # nothing is written, so the growth is judged
    shown.has(
        "blobs.ledger.json was not written, because CI is set (--budget-update=write does):",
        "  small artifact changed",
        "  small bytes 3.27 kB -> 3.65 kB",
    )
    assert (gate.root / "blobs.ledger.json").read_text() == before

    some = accepted(gate, "-k", "float32")
    assert some.exitcode == 0
    some.has("blobs.ledger.json: nothing to accept")

    taken = gate.pytest("--budget-update=write", env={"CI": "true"})
    assert taken.exitcode == 0
    taken.has("blobs.ledger.json was written:", "  small bytes 3.27 kB -> 3.65 kB")
    figure = ledger(gate)["variants"]["small"]["figures"]["bytes"]
    assert (figure["accepted"], figure["anchor"]) == (3648, 3272)
    anew = gate.pytest("--budget-update=anchor", env=HERE)
    anew.has("  small bytes anchor 3.27 kB -> 3.65 kB")
    gate.edit("blobs.budget.yaml", "recipe: int8", "recipe: dynamic")
    smaller = gate.pytest()
    assert smaller.exitcode == 0
    improved = "bytes improved from 3.65 kB to 3.27 kB"
    advice = f"{improved}; accept it with `pytest blobs.budget.yaml --budget-update`"
    smaller.has(advice)
    taken = accepted(gate)
    assert advice not in taken.output
    taken.has(improved, "  small bytes 3.65 kB -> 3.27 kB")


def test_another_version_of_a_tool_is_named_beside_what_changed_and_only_there(
    gate: Project,
) -> None:
    """The ledger is as an earlier LiteRT would have left it: one artifact differs, one is equal."""
    accepted(gate)
    here = metadata.version("ai-edge-litert")
    earlier = ledger(gate)
    small = earlier["variants"]["small"]
    small["artifact"], small["figures"]["bytes"]["accepted"] = "0" * 64, 3260
    text = json.dumps(earlier).replace(f'"ai-edge-litert": "{here}"', '"ai-edge-litert": "2.0.0"')
    (gate.root / "blobs.ledger.json").write_text(text)

    changed = gate.pytest("-v", "-rN", "--budget-markdown=r.md", "--budget-json=r.json")
    assert changed.exitcode == 0
    environment = f"ai-edge-litert 2.0.0 -> {here}"
    changed.has(
        "float32",
        "max_bytes_growth 0.00 % 1 % +1.00 %",
        "small",
        f"  bytes changed since accepted, and so did the environment: {environment}",
    )
    assert changed.output.count("2.0.0") == 1  # nothing of float32, and nothing of equal figures
    markdown = unescape((gate.root / "r.md").read_text())
    assert "| blobs.budget.yaml small | bytes | 3.26 kB | 3.27 kB | +0.4 % |" in markdown
    assert (
        f"> The environment changed, too: {environment} (blobs.budget.yaml small: bytes)"
        in markdown
    )
    [floats, other] = json.loads((gate.root / "r.json").read_text())["variants"]
    assert {each["environment_changes"] for each in floats["limits"]} == {""}
    assert {each["figure"]: each["environment_changes"] for each in other["limits"]} == {
        "bytes": environment,
        "accuracy": "",
        "macs": "",
    }

    small["figures"]["bytes"]["accepted"] = 3200
    text = json.dumps(earlier).replace(f'"ai-edge-litert": "{here}"', '"ai-edge-litert": "2.0.0"')
    (gate.root / "blobs.ledger.json").write_text(text)
    grown = gate.pytest("-rN")
    assert grown.exitcode == 1
    grown.has(
        "max_bytes_growth: bytes grew by 2.25 %, from 3.20 kB (accepted) to 3.27 kB; "
        "allowed is 1 %",
        "grew most not known: the accepted artifact is not in the cache",
        "largest 1,024 B (31.3 %) functional_1/widen_1/MatMul",
        f"note the environment changed: {environment}",
        "bytes 3.20 kB 3.27 kB +2.2 % not known",
    )


def test_what_is_over_a_fixed_limit_or_was_not_judged_is_refused(gate: Project) -> None:
    gate.edit("blobs.budget.yaml", "max_bytes: 6300", "max_bytes: 6 kB")
    refused = accepted(gate, "-rN")
    assert refused.exitcode == 1
    refused.has(
        "  small bytes 3.27 kB (new)",
        "blobs.ledger.json: float32 bytes 6.30 kB is not accepted: max_bytes is exceeded",
    )
    assert list(ledger(gate)["variants"]) == ["small"]

    gate.edit("blobs.budget.yaml", "max_bytes: 6 kB", "max_bytes: 6300")
    alone = accepted(gate, "-k", "float32 and growth")
    assert alone.exitcode == 1
    alone.has("blobs.ledger.json: float32 bytes 6.30 kB is not accepted: max_bytes did not run")


def test_only_a_full_run_removes_what_is_gone(gate: Project) -> None:
    accepted(gate)
    gate.edit("blobs.budget.yaml", "float32:", "renamed:")
    gate.edit("blobs.budget.yaml", ", max_macs_growth: 0%", "")
    some = accepted(gate, "-k", "renamed")
    assert some.exitcode == 0
    assert list(ledger(gate)["variants"]) == ["float32", "renamed", "small"]
    all_of_it = accepted(gate)
    all_of_it.has(
        "  float32 removed: it is not in the budget file",
        "  small macs removed: no limit measures it",
    )
    assert list(ledger(gate)["variants"]) == ["renamed", "small"]
    assert list(ledger(gate)["variants"]["small"]["figures"]) == ["accuracy", "bytes"]


def test_workers_of_xdist_accept_together(gate: Project) -> None:
    result = gate.pytest("-n2", "--budget-update", env=HERE)
    assert result.exitcode == 0, result.output
    result.has("blobs.ledger.json was written:")
    assert list(ledger(gate)["variants"]) == ["float32", "small"]


def test_a_damaged_ledger_stops_the_session_and_stays_as_it_is(gate: Project) -> None:
    gate.write("blobs.ledger.json", '{"version": 1,\n<<<<<<< HEAD\n}')
    result = accepted(gate)
    assert result.exitcode == 2
    result.has("blobs.ledger.json:2:1: a merge conflict begins here: <<<<<<<; keep one side")
    assert (gate.root / "blobs.ledger.json").read_text().startswith('{"version": 1,\n<<<<')
    checked = gate.forked(MODELBUDGET, "check")
    assert checked.exitcode == 1
    checked.has("blobs.ledger.json:2:1: a merge conflict begins here")


def test_mistakes_in_the_option_are_told_before_anything_is_built(gate: Project) -> None:
    unknown = gate.pytest("--budget-update=x")
    assert unknown.exitcode == 4
    unknown.has("--budget-update: expected nothing, write or anchor, got 'x'")
    both = gate.pytest("--budget-update", "--budget-measure")
    assert both.exitcode == 4
    both.has("--budget-update accepts what was judged, and --budget-measure judges nothing")
    gate.write("pytest.ini", "[pytest]\nmodelbudget_update = sometimes\n")
    ini = gate.pytest()
    assert ini.exitcode == 4
    ini.has("modelbudget_update: expected nothing, write or anchor, got 'sometimes'")


SKIP = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if "small" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="not today"))
"""


def test_what_was_accepted_cannot_be_skipped_unnoticed(gate: Project) -> None:
    gate.write("conftest.py", SKIP)
    assert gate.pytest().exitcode == 1  # float32 has grown from nothing
    accepted(gate)
    assert gate.pytest().exitcode == 0  # only float32 was accepted
    gate.write("conftest.py", "")
    accepted(gate)
    gate.write("conftest.py", SKIP)
    result = gate.pytest("-rN")
    assert result.exitcode == 1
    result.has(
        "max_bytes_growth could not be measured: the test was skipped, and what was accepted into "
        "the ledger must be measured; deselect it with -k if it cannot be measured here",
    )
    assert gate.pytest("-k", "float32").exitcode == 0

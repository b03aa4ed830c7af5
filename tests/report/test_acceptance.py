import json
from dataclasses import replace

import pytest

from pytest_modelbudget.judge.accepted import environment_name
from pytest_modelbudget.ledger.ledger_file import EMPTY, UNNAMED, Ledger, render
from pytest_modelbudget.report.acceptance import Acceptance
from pytest_modelbudget.report.record import CollectedVariant
from pytest_modelbudget.report.row import Row

TOOLS, MACHINE = {"litert": "2.3.0"}, {"cpu": "AMD EPYC"}
AT = f"latency@{environment_name(MACHINE)}"
BYTES = Row(
    budget="b.budget.yaml",
    variant="int8",
    name="max_bytes_growth",
    place="b.budget.yaml:3:5",
    outcome="within",
    figure="bytes",
    value=40_100,
    environment=json.dumps(TOOLS),
    sha256="one",
)
SCORE = replace(
    BYTES,
    name="max_accuracy_loss",
    figure="accuracy",
    value=0.98,
    metric="accuracy",
    samples="abcdefghijklmnop",
)
LATENCY = replace(
    BYTES,
    name="max_latency_growth",
    figure="latency",
    value=1e-3,
    value_low=0.9e-3,
    value_high=1.1e-3,
    environment=json.dumps(MACHINE),
)
NAMES = ("max_bytes_growth", "max_accuracy_loss", "max_latency_growth")
INT8 = CollectedVariant("b.budget.yaml", "int8", "/b.budget.yaml", NAMES)


def accepting(
    *rows: Row, ledger: Ledger = EMPTY, anchor: bool = False, variant: CollectedVariant = INT8
) -> Acceptance:
    acceptance = Acceptance(ledger, resets_anchors=anchor)
    acceptance.accept(variant, rows)
    return acceptance


FIRST = accepting(BYTES, SCORE, LATENCY)


def test_the_first_values_are_accepted_with_their_anchors() -> None:
    assert FIRST.changes == [
        "int8 bytes 40.1 kB (new)",
        "int8 accuracy 0.9800 (new)",
        "int8 latency 1.00 ms (new)",
    ]
    assert not FIRST.refusals
    entry = FIRST.ledger.variants["int8"]
    assert entry.artifact == "one"
    assert sorted(entry.figures) == ["accuracy", "bytes", AT]
    assert FIRST.ledger.data == {"abcdefghijkl": "abcdefghijklmnop"}
    assert set(FIRST.ledger.environments) == {environment_name(TOOLS), environment_name(MACHINE)}


def test_the_same_values_change_nothing() -> None:
    again = accepting(BYTES, SCORE, LATENCY, ledger=FIRST.ledger)
    assert again.ledger == FIRST.ledger
    assert not again.changes


def test_a_noisy_figure_stays_while_its_interval_contains_the_accepted_value() -> None:
    near = replace(LATENCY, value=1.05e-3, value_low=0.95e-3, value_high=1.15e-3)
    assert render(accepting(near, ledger=FIRST.ledger).ledger) == render(FIRST.ledger)
    far = replace(LATENCY, value=2e-3, value_low=1.9e-3, value_high=2.1e-3)
    moved = accepting(far, ledger=FIRST.ledger)
    assert moved.changes == ["int8 latency 1.00 ms -> 2.00 ms"]
    figure = moved.ledger.variants["int8"].figures[AT]
    assert (figure.accepted, figure.anchor, figure.low) == (2e-3, 1e-3, 1.9e-3)


def test_another_machine_gets_a_line_of_its_own() -> None:
    laptop = replace(LATENCY, value=5e-3, environment=json.dumps({"cpu": "laptop"}))
    figures = accepting(laptop, ledger=FIRST.ledger).ledger.variants["int8"].figures
    assert figures[AT].accepted == 1e-3
    assert len([name for name in figures if name.startswith("latency@")]) == 2


def test_what_was_not_measured_again_keeps_its_artifact() -> None:
    grown = replace(BYTES, value=43_700, sha256="two")
    after = accepting(grown, ledger=FIRST.ledger)
    assert after.changes == ["int8 artifact changed", "int8 bytes 40.1 kB -> 43.7 kB"]
    entry = after.ledger.variants["int8"]
    assert entry.artifact == "two"
    assert {name: each.artifact for name, each in entry.figures.items()} == {
        "bytes": None,
        "accuracy": "one",
        AT: "one",
    }
    back = accepting(replace(SCORE, sha256="two"), ledger=after.ledger)
    assert back.ledger.variants["int8"].figures["accuracy"].artifact is None


def test_anchors_are_reset_only_if_asked() -> None:
    grown = replace(BYTES, value=43_700)
    kept = accepting(grown, ledger=FIRST.ledger).ledger
    assert kept.variants["int8"].figures["bytes"].anchor == 40_100
    reset = accepting(grown, ledger=kept, anchor=True)
    assert reset.changes == ["int8 bytes anchor 40.1 kB -> 43.7 kB"]
    assert reset.ledger.variants["int8"].figures["bytes"].anchor == 43_700


def test_a_score_on_other_samples_is_another_line() -> None:
    other = accepting(replace(SCORE, samples="zzzzzzzzzzzzzzzz"), ledger=FIRST.ledger)
    assert other.changes == ["int8 accuracy 0.9800, with another metric or other samples"]


LIMITED = replace(INT8, limits=("max_bytes", "max_accuracy_drop", "max_latency_p99", *NAMES))
HELD = replace(BYTES, name="max_bytes")


@pytest.mark.parametrize(
    ("rows", "refusal"),
    [
        ([BYTES], "int8 bytes 40.1 kB is not accepted: max_bytes did not run"),
        (
            [BYTES, replace(HELD, outcome="exceeded")],
            "int8 bytes 40.1 kB is not accepted: max_bytes is exceeded",
        ),
        (
            [SCORE, replace(HELD, name="max_accuracy_drop", figure="", outcome="unmeasured")],
            "int8 accuracy 0.9800 is not accepted: max_accuracy_drop could not be measured",
        ),
        (
            [LATENCY, replace(HELD, name="max_latency_p99", figure="", outcome="error")],
            "int8 latency 1.00 ms is not accepted: max_latency_p99 could not be judged, because "
            "the build failed",
        ),
        (
            [replace(BYTES, value=None, figure="", outcome="unmeasured", how="no\nlog")],
            "int8 bytes is not accepted: no",
        ),
        (
            [replace(BYTES, value=float("nan"), outcome="unmeasured", how="it is NaN"), HELD],
            None,
        ),
    ],
)
def test_what_other_limits_forbid_is_refused(rows: list[Row], refusal: str | None) -> None:
    found = accepting(*rows, variant=LIMITED)
    assert found.refusals == ([refusal] if refusal else [])
    if refusal:
        assert found.ledger == EMPTY


def test_a_latency_without_an_upper_end_is_refused() -> None:
    [refusal] = accepting(replace(LATENCY, value_high=None)).refusals
    assert refusal.startswith("int8 latency 1.00 ms is not accepted: its interval has no upper end")


def test_a_full_run_removes_what_is_gone() -> None:
    only_bytes = replace(INT8, limits=("max_bytes_growth",))
    acceptance = Acceptance(FIRST.ledger, resets_anchors=False)
    acceptance.remove([only_bytes], [BYTES])
    assert sorted(acceptance.changes) == [
        "int8 accuracy removed: no limit measures it",
        f"int8 {AT} removed: no limit measures it",
    ]
    assert list(acceptance.ledger.variants["int8"].figures) == ["bytes"]
    assert list(acceptance.ledger.environments) == [environment_name(TOOLS)]
    assert acceptance.ledger.data == {}
    acceptance.remove([replace(INT8, variant="other")], [])
    assert acceptance.ledger == EMPTY


def test_a_file_without_variants_has_one_that_no_name_can_be() -> None:
    row, variant = replace(BYTES, variant=""), replace(INT8, variant="")
    only = accepting(row, variant=variant)
    assert list(only.ledger.variants) == [UNNAMED]
    assert only.changes == ["bytes 40.1 kB (new)"]
    only.remove([replace(variant, limits=("max_bytes_growth",))], [row])
    assert list(only.ledger.variants) == [UNNAMED]

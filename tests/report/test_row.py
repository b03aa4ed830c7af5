from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbudget.engine.other_forms import FileSize, OtherSize
from pytest_modelbudget.judge.findings import Artifact
from pytest_modelbudget.judge.verdict import Verdict
from pytest_modelbudget.report.row import Outcome, Row

PLANNED = Row(
    budget="budgets/digits.budget.yaml",
    variant="int8",
    name="max_accuracy_drop",
    place="budgets/digits.budget.yaml:14:21",
)
ARTIFACT = Artifact(Path("store/model.tflite"), "ab", 3776, 900, seconds=0.5, cached=False)
DROP = Verdict(
    limit="max_accuracy_drop",
    outcome="exceeded",
    unit="score",
    measured=0.0075,
    bound=0.005,
    margin=-0.0025,
    how="accuracy 0.9725 over 1,797 samples",
    baseline="accuracy 0.9800",
)
EXCEEDED = PLANNED.of_artifact(ARTIFACT).judged(DROP)


def sized(measured: int, limit: int) -> Row:
    outcome: Outcome = "within" if measured <= limit else "exceeded"
    return replace(
        EXCEEDED,
        name="max_bytes",
        outcome=outcome,
        unit="bytes",
        measured=measured,
        limit=limit,
        margin=limit - measured,
        how="the .tflite as it is",
        baseline="",
    )


@pytest.mark.parametrize(
    "row",
    [
        PLANNED,
        EXCEEDED,
        sized(1000, 1000),
        replace(EXCEEDED, variant=""),
        PLANNED.unmeasured("no data"),
        PLANNED.of_artifact(ARTIFACT).unmeasured("no data"),
    ],
)
def test_a_row_travels_as_properties(row: Row) -> None:
    properties = row.properties()
    assert all(type(value) in (str, int, float) for _, value in properties)
    assert Row(**dict(properties)) == row  # type: ignore[arg-type]


def test_a_row_is_an_error_until_it_is_judged() -> None:
    assert PLANNED.outcome == "error"


@pytest.mark.parametrize(("cached", "built"), [(True, "cached"), (False, "built")])
def test_a_row_says_where_its_artifact_came_from(cached: bool, built: str) -> None:
    row = PLANNED.of_artifact(replace(ARTIFACT, cached=cached))
    assert (row.artifact, row.built, row.seconds) == ("store/model.tflite", built, 0.5)


def test_a_path_is_relative_where_it_can_be() -> None:
    rows = [PLANNED.of_artifact(replace(ARTIFACT, path=Path.cwd() / "store" / "model.tflite"))]
    rows += [PLANNED.of_artifact(replace(ARTIFACT, path=Path("/store/model.tflite")))]
    assert [row.artifact for row in rows] == ["store/model.tflite", "/store/model.tflite"]


def test_what_is_exceeded_is_explained() -> None:
    assert EXCEEDED.explain() == (
        "max_accuracy_drop: 0.007500 is 0.002500 over the limit of 0.005000\n"
        "\n"
        "  measured    0.007500  accuracy 0.9725 over 1,797 samples\n"
        "  limit       0.005000  budgets/digits.budget.yaml:14:21\n"
        "  over by     0.002500\n"
        "  baseline    accuracy 0.9800\n"
        "  artifact    store/model.tflite (built)\n"
        "  what helps  a gentler recipe such as int16x8 or dynamic, layers left in float "
        "(`layers: {skip: [...]}`), or calibration data closer to what the model meets"
    )


def test_a_note_is_explained_too() -> None:
    assert "\n  note        too small\n" in replace(EXCEEDED, note="too small").explain()


def test_a_size_is_explained_to_the_byte() -> None:
    assert sized(60_001, 60_000).explain() == (
        "max_bytes: 60,001 B is 1 B (0.00%) over the limit of 60,000 B\n"
        "\n"
        "  measured    60,001 B  the .tflite as it is\n"
        "  limit       60,000 B  budgets/digits.budget.yaml:14:21\n"
        "  over by     1 B (0.00%)\n"
        "  artifact    store/model.tflite (built)\n"
        "  what helps  a smaller recipe (`modelbudget recipes` lists them), "
        "or a smaller architecture"
    )


SIZE = FileSize(
    "pruning leaves the file as it is",
    (
        OtherSize("gzip", 900, "what max_gzip_bytes limits"),
        OtherSize("sparse", 3_776, "convert: {sparse: true}"),
        OtherSize("int8", None, "the data has no samples"),
    ),
)


def test_why_a_file_is_as_large_as_it_is_is_explained() -> None:
    row = sized(60_001, 60_000).explained(SIZE)
    lines = row.explain().split("\n")
    assert lines[5:9] == [
        "  why         pruning leaves the file as it is",
        "  gzip          900 B  what max_gzip_bytes limits",
        "  sparse      3,776 B  convert: {sparse: true}",
        "  int8        not made: the data has no samples",
    ]
    assert Row(**dict(row.properties())) == row  # type: ignore[arg-type]
    assert sized(60_001, 60_000).explained(None) == sized(60_001, 60_000)


def test_operators_that_should_not_be_there_are_named() -> None:
    how = "2 other operators: DEQUANTIZE, QUANTIZE"
    row = replace(EXCEEDED, name="allowed_ops", unit="operators", measured=2, limit=0, how=how)
    assert row.explain() == (
        "allowed_ops: 2 other operators: DEQUANTIZE, QUANTIZE\n"
        "\n"
        "  limit       budgets/digits.budget.yaml:14:21\n"
        "  artifact    store/model.tflite (built)\n"
        "  what helps  another `scheme` or `io` in `quantize`, layers that convert to allowed "
        "operators, or more operators in the list if the target has them"
    )


def test_a_minimum_is_explained_as_one() -> None:
    row = replace(EXCEEDED, name="min_accuracy", measured=0.95, limit=0.96, margin=-0.01)
    head, _, *lines = (
        replace(row, how="accuracy over 400 samples", baseline="").explain().split("\n")
    )
    assert head == "min_accuracy: 0.9500 is 0.01000 below the minimum of 0.9600"
    assert lines[:3] == [
        "  measured    0.9500  accuracy over 400 samples",
        "  limit       0.9600  budgets/digits.budget.yaml:14:21",
        "  short by    0.01000",
    ]


def test_what_is_unmeasured_is_explained() -> None:
    assert PLANNED.unmeasured("data:test: gives None").explain() == (
        "max_accuracy_drop could not be measured: data:test: gives None\n"
        "budgets/digits.budget.yaml:14:21"
    )


@pytest.mark.parametrize(
    ("unit", "measured", "limit", "amounts"),
    [
        ("bytes", 900, 1000, ("900 B", "1,000 B", "+100 B (10.00%)")),
        ("bytes", 1001, 1000, ("1,001 B", "1,000 B", "-1 B (0.10%)")),
        ("bytes", 1000, 1000, ("1,000 B", "1,000 B", "0 B (0.00%)")),
        ("bytes", 3776, 1, ("3,776 B", "1 B", "-3,775 B (3,775 times)")),
        ("count", 17, 16, ("17", "16", "-1 (6.25%)")),
        ("seconds", 1.5e-3, 2e-3, ("1.50 ms", "2.00 ms", "+500 us (25.00%)")),
        ("score", 0.0, 0.01, ("0.00000", "0.01000", "+0.01000")),
        ("share", 0.012, 0.01, ("1.200%", "1.000%", "-0.2000%")),
        ("score", 0.1, 0.0, ("0.1000", "0.0000", "-0.1000")),
    ],
)
def test_amounts_carry_their_unit_and_the_direction(
    unit: str, measured: float, limit: float, amounts: tuple[str, str, str]
) -> None:
    margin = limit - measured
    row = replace(EXCEEDED, unit=unit, measured=measured, limit=limit, margin=margin)
    assert row.amounts() == amounts


def test_nothing_measured_has_no_amounts() -> None:
    assert PLANNED.unmeasured("no data").amounts() == ("", "", "")


TIMED = replace(
    EXCEEDED, name="max_latency", unit="seconds", measured=43.1e-6, limit=40e-6, margin=-3.1e-6
)


@pytest.mark.parametrize(
    ("low", "high", "measured"),
    [
        (42e-6, 44e-6, "43.1 us (42.0 to 44.0 us)"),
        (42e-6, None, "43.1 us (at least 42.0 us)"),
        (42e-6, 1.2e-3, "43.1 us (0.0420 to 1.20 ms)"),
    ],
)
def test_an_interval_is_shown_beside_the_value(
    low: float, high: float | None, measured: str
) -> None:
    row = replace(TIMED, low=low, high=high)
    assert row.amounts()[0] == measured
    assert Row(**dict(row.properties())) == row  # type: ignore[arg-type]


def test_a_latency_far_below_its_limit_keeps_a_unit_of_its_own() -> None:
    row = replace(TIMED, limit=0.05, margin=0.0499569, low=42e-6, high=44e-6)
    assert row.amounts()[:2] == ("43.1 us (42.0 to 44.0 us)", "50.0 ms")

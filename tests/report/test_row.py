from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbudget.judge.findings import Artifact, FileSize, OtherSize, StageScore
from pytest_modelbudget.judge.results import Part, Quantization
from pytest_modelbudget.judge.verdict import Verdict
from pytest_modelbudget.report.failure_text import explain
from pytest_modelbudget.report.reasons import by_size, by_stage
from pytest_modelbudget.report.row import Row, Status
from pytest_modelbudget.units.table import BaseUnit

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
    base_unit="score",
    unit="pp",
    measured=0.0075,
    bound=0.005,
    margin=-0.0025,
    how="accuracy 0.9725 over 1,797 samples",
    baseline="accuracy 0.9800",
)
EXCEEDED = PLANNED.of_artifact(ARTIFACT).judged(DROP, "digits:test")


def sized(measured: int, limit: int) -> Row:
    outcome: Status = "within" if measured <= limit else "exceeded"
    return replace(
        EXCEEDED,
        name="max_bytes",
        outcome=outcome,
        unit="bytes",
        written_unit="kB",
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
    assert all(type(value) in (str, int, float) and value != "" for _, value in properties)
    assert Row(**dict(properties)) == row  # type: ignore[arg-type]


def test_a_row_is_an_error_until_it_is_judged() -> None:
    assert PLANNED.outcome == "error"


@pytest.mark.parametrize(("cached", "built"), [(True, "cached"), (False, "built")])
def test_a_row_says_where_its_artifact_came_from(cached: bool, built: str) -> None:
    skipped = "skipped by prune: too small (a)"
    row = PLANNED.of_artifact(replace(ARTIFACT, cached=cached, layers_skipped=skipped))
    assert (row.artifact, row.built, row.seconds) == ("store/model.tflite", built, 0.5)
    assert row.layers_skipped == skipped


def test_a_row_says_where_the_bytes_of_what_tensorflow_serves_are() -> None:
    parts = (Part(name="kernel variables", size_bytes=3000), Part(name="assets", size_bytes=776))
    row = PLANNED.of_artifact(replace(ARTIFACT, parts=parts))
    assert row.parts == "kernel variables 3,000 B, assets 776 B"


def test_a_row_says_who_quantized_its_artifact() -> None:
    quantization = Quantization(backend="litert", left_float=())
    row = PLANNED.of_artifact(replace(ARTIFACT, quantization=quantization))
    assert row.quantized == "quantized by the LiteRT quantizer"
    assert PLANNED.of_artifact(ARTIFACT).quantized == ""


def test_a_row_says_what_was_judged() -> None:
    judged = PLANNED.judged(replace(DROP, interval=(0.001, 0.014)), "digits:test")
    assert judged == replace(
        PLANNED,
        outcome="exceeded",
        unit="score",
        written_unit="pp",
        measured=0.0075,
        low=0.001,
        high=0.014,
        limit=0.005,
        margin=-0.0025,
        baseline="accuracy 0.9800",
        how="accuracy 0.9725 over 1,797 samples",
    )


def test_a_row_says_what_was_not_recorded() -> None:
    row = PLANNED.of_artifact(ARTIFACT, ["the program git", "the network"])
    assert row.unrecorded == "the program git, the network"


def test_a_path_is_relative_where_it_can_be() -> None:
    rows = [PLANNED.of_artifact(replace(ARTIFACT, path=Path.cwd() / "store" / "model.tflite"))]
    rows += [PLANNED.of_artifact(replace(ARTIFACT, path=Path("/store/model.tflite")))]
    assert [row.artifact for row in rows] == ["store/model.tflite", "/store/model.tflite"]


def test_what_is_exceeded_is_explained() -> None:
    assert explain(EXCEEDED) == (
        "max_accuracy_drop: 0.750 pp is 0.250 pp over the limit of 0.5 pp\n"
        "\n"
        "  measured    0.750 pp  accuracy 0.9725 over 1,797 samples\n"
        "  baseline    accuracy 0.9800\n"
        "  limit       budgets/digits.budget.yaml:14:21\n"
        "  artifact    store/model.tflite (built)\n"
        "  what helps  a gentler recipe such as int16x8 or dynamic, layers left in float "
        "(`layers: {skip: [...]}`), or calibration data closer to what the model meets"
    )


def test_a_note_is_explained_too() -> None:
    assert "\n  note        too small\n" in explain(replace(EXCEEDED, note="too small"))


def test_a_note_is_about_its_test_data() -> None:
    noted = PLANNED.judged(replace(DROP, note="too small"), "digits:test")
    assert (noted.note, noted.test_data) == ("too small", "digits:test")


def test_a_size_is_explained_to_the_byte() -> None:
    assert explain(sized(60_001, 60_000)) == (
        "max_bytes: 60.001 kB is 0.00100 kB (0.0017 %) over the limit of 60 kB\n"
        "\n"
        "  measured    60.001 kB (60,001 B)  the .tflite as it is\n"
        "  limit       budgets/digits.budget.yaml:14:21\n"
        "  artifact    store/model.tflite (built)\n"
        "  what helps  a smaller recipe (`modelbudget recipes` lists them), "
        "or a smaller architecture"
    )


def test_a_size_in_bytes_is_shown_once() -> None:
    row = replace(sized(60_001, 60_000), written_unit="B")
    assert explain(row).split("\n")[:3] == [
        "max_bytes: 60,001 B is 1 B (0.0017 %) over the limit of 60,000 B",
        "",
        "  measured    60,001 B  the .tflite as it is",
    ]


SIZE = FileSize(
    "pruning leaves the file as it is",
    (
        OtherSize("gzip", 900, "what max_gzip_bytes limits"),
        OtherSize("sparse", 3_776, "convert: {sparse: true}"),
        OtherSize("int8", None, "the data has no samples"),
    ),
)


def test_why_a_file_is_as_large_as_it_is_is_explained() -> None:
    row = by_size(sized(60_001, 60_000), SIZE)
    lines = explain(row).split("\n")
    assert lines[3:7] == [
        "  why         pruning leaves the file as it is",
        "  gzip          900 B  what max_gzip_bytes limits",
        "  sparse      3,776 B  convert: {sparse: true}",
        "  int8        not made: the data has no samples",
    ]
    assert Row(**dict(row.properties())) == row  # type: ignore[arg-type]
    assert by_size(sized(60_001, 60_000), None) == sized(60_001, 60_000)


def test_operators_that_should_not_be_there_are_named() -> None:
    how = "2 other operators: DEQUANTIZE, QUANTIZE"
    row = replace(EXCEEDED, name="allowed_ops", unit="operators", measured=2, limit=0, how=how)
    assert explain(row) == (
        "allowed_ops: 2 other operators: DEQUANTIZE, QUANTIZE\n"
        "\n"
        "  limit       budgets/digits.budget.yaml:14:21\n"
        "  artifact    store/model.tflite (built)\n"
        "  what helps  another `scheme` or `io` in `quantize`, layers that convert to allowed "
        "operators, or more operators in the list if the target has them"
    )


def test_a_minimum_is_explained_as_one() -> None:
    row = replace(
        EXCEEDED,
        name="min_accuracy",
        written_unit="",
        measured=0.95,
        limit=0.96,
        margin=-0.01,
        how="accuracy over 400 samples",
        baseline="",
    )
    head, _, *lines = explain(row).split("\n")
    assert head == "min_accuracy: 0.9500 is 0.01000 below the minimum of 0.96"
    assert lines[:2] == [
        "  measured    0.9500  accuracy over 400 samples",
        "  limit       budgets/digits.budget.yaml:14:21",
    ]


def test_what_is_unmeasured_is_explained() -> None:
    assert explain(PLANNED.unmeasured("data:test: gives None")) == (
        "max_accuracy_drop could not be measured: data:test: gives None\n"
        "budgets/digits.budget.yaml:14:21"
    )


@pytest.mark.parametrize(
    ("unit", "written", "measured", "limit", "amounts"),
    [
        ("bytes", "B", 900, 1000, ("900 B", "1,000 B", "+100 B (10.0 %)")),
        ("bytes", "kB", 900, 1000, ("0.900 kB", "1 kB", "+0.100 kB (10.0 %)")),
        ("bytes", "B", 1001, 1000, ("1,001 B", "1,000 B", "-1 B (0.1 %)")),
        ("bytes", "B", 1000, 1000, ("1,000 B", "1,000 B", "0 B (0.0 %)")),
        ("bytes", "B", 3776, 1, ("3,776 B", "1 B", "-3,775 B (3,775 times)")),
        ("count", "", 17, 16, ("17", "16", "-1 (6.2 %)")),
        ("seconds", "ms", 1.5e-3, 2e-3, ("1.50 ms", "2 ms", "+0.500 ms (25.0 %)")),
        ("seconds", "s", 64e-6, 2.0, ("64.0 us", "2 s", "+2.00 s (100.0 %)")),
        ("score", "pp", 0.0, 0.01, ("0.00 pp", "1 pp", "+1.00 pp")),
        ("score", "", 0.0, 0.01, ("0.00000", "0.01", "+0.01000")),
        ("share", "%", 0.012, 0.01, ("1.20 %", "1 %", "-0.200 %")),
        ("score", "pp", 0.1, 0.0, ("10.0 pp", "0 pp", "-10.0 pp")),
        ("operators", "", 0, 0, ("none", "none", "")),
        ("operators", "", 2, 0, ("2", "none", "")),
    ],
)
def test_amounts_are_in_the_unit_of_the_limit_and_show_the_direction(
    unit: BaseUnit, written: str, measured: float, limit: float, amounts: tuple[str, str, str]
) -> None:
    row = replace(
        EXCEEDED,
        unit=unit,
        written_unit=written,
        measured=measured,
        limit=limit,
        margin=limit - measured,
    )
    assert row.amounts() == amounts


def test_nothing_measured_has_no_amounts() -> None:
    assert PLANNED.unmeasured("no data").amounts() == ("", "", "")


@pytest.mark.parametrize(
    ("low", "high", "measured"),
    [
        (42e-6, 44e-6, "43.1 us (42.0\u201344.0 us)"),
        (42e-6, None, "43.1 us (at least 42.0 us)"),
        (42e-6, 1.2e-3, "43.1 us (42.0\u20131200 us)"),
    ],
)
def test_an_interval_is_shown_beside_the_value(
    low: float, high: float | None, measured: str
) -> None:
    row = replace(
        EXCEEDED,
        name="max_latency",
        unit="seconds",
        written_unit="us",
        measured=43.1e-6,
        limit=40e-6,
        margin=-3.1e-6,
        low=low,
        high=high,
    )
    assert row.amounts()[0] == measured
    assert Row(**dict(row.properties())) == row  # type: ignore[arg-type]


def test_a_score_is_explained_by_stage() -> None:
    scores = [
        StageScore("", "", "", 0.98),
        StageScore("prune", "recipe[0] > prune", "less `sparsity`", 0.93),
        StageScore("quantize", "recipe[1] > quantize", "int16x8", 0.932),
    ]
    text = explain(by_stage(EXCEEDED, scores, higher_is_better=True))
    assert (
        "by stage    without the recipe 0.9800; prune 0.9300 (-0.05); quantize 0.9320 (+0.002)\n"
    ) in text
    assert text.endswith("  what helps  recipe[0] > prune lost most: less `sparsity`")
    errors = by_stage(EXCEEDED, scores, higher_is_better=False)
    assert errors.helps == "recipe[1] > quantize lost most: int16x8"
    assert "prune 0.9300 (-0.05)" in errors.why
    assert by_stage(EXCEEDED, scores[1:2], higher_is_better=True).helps == ""
    assert by_stage(EXCEEDED, [], higher_is_better=True) == EXCEEDED

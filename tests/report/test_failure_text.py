"""The text of a failure, and the reasons in it."""

from dataclasses import replace

from pytest_modelbudget.judge.findings import FileSize, OtherSize, StageScore
from pytest_modelbudget.report.failure_text import explain
from pytest_modelbudget.report.reasons import by_size, by_stage
from pytest_modelbudget.report.row import Row
from tests.report.rows import EXCEEDED, PLANNED, sized


def test_what_is_exceeded_is_explained() -> None:
    assert explain(EXCEEDED) == (
        "max_accuracy_drop: 0.750 pp is 0.250 pp over the limit of 0.5 pp\n"
        "\n"
        "  measured    0.750 pp  accuracy 0.9725 over 1,797 samples\n"
        "  baseline    accuracy 0.9800\n"
        "  limit       budgets/digits.budget.yaml:14:21\n"
        "  artifact    store/model.tflite (built)\n"
        "  what helps  a gentler recipe such as int16x8 or dynamic, layers left in float "
        "(`layers: {skip: [...]}`), or calibration data that is more like the real inputs"
    )


def test_a_note_is_explained_too() -> None:
    assert "\n  note        too small\n" in explain(replace(EXCEEDED, note="too small"))


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


def test_the_command_that_accepts_growth_can_be_copied_into_a_shell() -> None:
    grown = replace(
        sized(1900, 1000),
        name="max_bytes_growth",
        place="my model.budget.yaml:3:4",
        figure="bytes",
        value=1900,
        accepted=900,
    )
    assert explain(grown).endswith("accept it: pytest 'my model.budget.yaml' --budget-update")

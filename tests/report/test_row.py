from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbudget.judge.results.artifact_forms import Part
from pytest_modelbudget.judge.results.quantization import Quantization
from pytest_modelbudget.report.row import Row
from tests.report.rows import ARTIFACT, DROPPED, EXCEEDED, PLANNED, sized


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
    judged = PLANNED.judged(replace(DROPPED, interval=(0.001, 0.014)), "digits:test")
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


def test_a_note_is_about_its_test_data() -> None:
    noted = PLANNED.judged(replace(DROPPED, note="too small"), "digits:test")
    assert (noted.note, noted.test_data) == ("too small", "digits:test")


@pytest.mark.parametrize(
    ("low", "high", "agreeing", "other"),
    [
        (None, None, [2.0], [1.9, 2.1]),
        (1.0, None, [2.0], [1.0]),
        (1.0, 3.0, [1.0, 3.0], [0.9, 3.1]),
    ],
)
def test_a_figure_agrees_with_what_its_interval_contains(
    low: float | None, high: float | None, agreeing: list[float], other: list[float]
) -> None:
    row = replace(PLANNED, value=2.0, value_low=low, value_high=high)
    assert [value for value in [*agreeing, *other] if row.agrees_with(value)] == agreeing

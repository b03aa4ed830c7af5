from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbudget.judge.results.artifact_forms import Part
from pytest_modelbudget.judge.results.quantization import Quantization
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.units.table import BaseUnit
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

from dataclasses import replace

import pytest

from pytest_modelbudget.report.row import Row
from pytest_modelbudget.report.row_text import amounts, figure_change
from pytest_modelbudget.units.table import BaseUnit
from tests.report.rows import EXCEEDED, PLANNED


@pytest.mark.parametrize(
    ("unit", "written", "measured", "limit", "text"),
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
    unit: BaseUnit, written: str, measured: float, limit: float, text: tuple[str, str, str]
) -> None:
    row = replace(
        EXCEEDED,
        unit=unit,
        written_unit=written,
        measured=measured,
        limit=limit,
        margin=limit - measured,
    )
    assert amounts(row) == text


def test_nothing_measured_has_no_amounts() -> None:
    assert amounts(PLANNED.unmeasured("no data")) == ("", "", "")


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
    assert amounts(row)[0] == measured
    assert Row(**dict(row.properties())) == row  # type: ignore[arg-type]


def test_latencies_of_two_sessions_differ_with_the_same_model() -> None:
    latency = replace(
        EXCEEDED, figure="latency", accepted=100.0, value=105.0, value_low=104.0, value_high=106.0
    )
    assert figure_change(latency) is None
    assert figure_change(replace(latency, value=95.0, value_low=94.0, value_high=96.0)) is None
    assert figure_change(replace(latency, value=105.1)) is not None
    assert figure_change(replace(latency, figure="bytes")) is not None, "sizes are exact"

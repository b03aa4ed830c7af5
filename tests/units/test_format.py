from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbudget.units import parse
from pytest_modelbudget.units.format import (
    format_bytes,
    format_exact,
    format_interval,
    format_score,
    format_seconds,
    format_share,
    format_value,
    readable_unit,
)
from pytest_modelbudget.units.table import BaseUnit


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (format_bytes, 225_704, "225,704 B"),
        (format_seconds, 0.0015, "1.50 ms"),
        (format_seconds, 0.0000453, "45.3 us"),
        (format_seconds, 1800, "30.0 min"),
        (format_seconds, 0, "0 us"),
        (format_seconds, 1e-9, "0.00100 us"),
        (format_score, 0.98251, "0.9825"),
        (format_score, 0, "0"),
        (format_score, -0.00125, "-0.001250"),
        (format_share, 0.0164, "1.6 %"),
        (format_share, 0.00016, "0.016 %"),
        (format_share, 0.00095, "0.095 %"),
        (format_share, 0, "0.0 %"),
        (format_share, 9.99, "999.0 %"),
        (format_share, 10, "10 times"),
        (format_share, 3775, "3,775 times"),
    ],
)
def test_numbers_as_they_are_shown(show: Callable[[float], str], value: float, text: str) -> None:
    assert show(value) == text


@pytest.mark.parametrize(
    ("value", "base", "unit", "shown"),
    [
        (43_000, "bytes", "kB", "43 kB"),
        (60_000, "bytes", "B", "60,000 B"),
        (921_600, "bytes", "KiB", "900 KiB"),
        (0.01, "score", "pp", "1 pp"),
        (0.005, "score", "pp", "0.5 pp"),
        (0.98, "score", "", "0.98"),
        (0.002, "seconds", "ms", "2 ms"),
        (0.01, "share", "%", "1 %"),
        (12_000_000, "count", "M", "12 M"),
        (1_280, "count", "", "1,280"),
    ],
)
def test_a_limit_comes_back_as_it_was_written(
    value: float, base: BaseUnit, unit: str, shown: str
) -> None:
    assert format_exact(value, base, unit) == shown


@pytest.mark.parametrize(
    ("value", "limit", "base", "unit", "shown"),
    [
        (60_001, 60_000, "bytes", "B", "60,001 B"),
        (60_001, 60_000, "bytes", "kB", "60.001 kB"),
        (43_704, 43_000, "bytes", "kB", "43.7 kB"),
        (0.00213, 0.002, "seconds", "ms", "2.13 ms"),
        (0.0010001, 0.001, "seconds", "ms", "1.0001 ms"),
        (0.0009999, 0.001, "seconds", "ms", "0.9999 ms"),
        (43.1e-6, 0.05, "seconds", "ms", "0.0431 ms"),
        (0, 0.01, "score", "", "0.00000"),
        (0, 0.01, "score", "pp", "0.00 pp"),
        (0.01001, 0.01, "score", "pp", "1.001 pp"),
        (0.5, 0.5, "score", "", "0.5"),
        (0.01001, 0.01, "share", "%", "1.001 %"),
        (12_000_001, 12_000_000, "count", "", "12,000,001"),
    ],
)
def test_a_value_looks_like_its_limit_only_if_it_is_the_same(
    value: float, limit: float, base: BaseUnit, unit: str, shown: str
) -> None:
    assert format_value(value, base, unit, apart_from=limit) == shown


@pytest.mark.parametrize(
    ("low", "high", "base", "unit", "shown"),
    [
        (42e-6, 44e-6, "seconds", "us", "42.0\u201344.0 us"),
        (42e-6, None, "seconds", "us", "at least 42.0 us"),
        (-0.001, 0.011, "score", "pp", "-0.100 to 1.10 pp"),
        (0.96, 0.99, "score", "", "0.9600\u20130.9900"),
        (0.96, 0.96, "score", "", "0.9600\u20130.9600"),
        (42.01e-6, 42.02e-6, "seconds", "us", "42.01\u201342.02 us"),
        (-0.01002, -0.01001, "score", "pp", "-1.002 to -1.001 pp"),
        (0, 0.011, "score", "pp", "0.00\u20131.10 pp"),
        (-0.011, 0, "score", "pp", "-1.10 to 0.00 pp"),
    ],
)
def test_intervals(low: float, high: float | None, base: BaseUnit, unit: str, shown: str) -> None:
    assert format_interval(low, high, base, unit) == shown


@pytest.mark.parametrize(
    ("value", "base", "unit", "shown"),
    [
        (6.4e-7, "seconds", "s", "us"),
        (4.31e-5, "seconds", "ms", "ms"),
        (4.31e-5, "seconds", "s", "us"),
        (0.0, "seconds", "s", "s"),
        (12, "bytes", "MB", "B"),
        (9_950, "bytes", "MB", "B"),
        (10_000, "bytes", "MB", "MB"),
        (43_704, "bytes", "kB", "kB"),
        (1e-6, "score", "pp", "pp"),
    ],
)
def test_a_value_far_below_its_limit_gets_a_smaller_unit(
    value: float, base: BaseUnit, unit: str, shown: str
) -> None:
    assert readable_unit(value, base, unit) == shown


SIZES = st.integers(1, 2**50)
DURATIONS_S = st.floats(1e-8, 5e5)
SHARES = st.floats(1e-9, 0.99)


@given(SIZES)
def test_a_size_reads_back_exactly(size_bytes: int) -> None:
    assert parse.parse_size(format_bytes(size_bytes)).value == size_bytes


@given(SIZES, st.sampled_from(["B", "kB", "MB", "GB"]))
def test_a_limit_reads_back_exactly(size_bytes: int, unit: str) -> None:
    read = parse.parse_size(format_exact(size_bytes, "bytes", unit).replace(",", ""))
    assert (read.value, read.unit) == (size_bytes, unit)


@given(DURATIONS_S)
def test_a_rounded_number_reads_back_to_its_digits(duration_s: float) -> None:
    shown = format_seconds(duration_s)
    assert parse.parse_duration(shown).value == pytest.approx(duration_s, rel=5e-3)


@given(st.one_of(*(st.tuples(kind, kind) for kind in (SIZES, DURATIONS_S, SHARES))))
def test_two_numbers_look_different_exactly_when_they_are(pair: tuple[float, float]) -> None:
    value, limit = pair
    units: list[tuple[BaseUnit, str]] = [("seconds", "ms"), ("score", "pp"), ("share", "%")]
    for base, unit in units:
        shown = format_value(value, base, unit, apart_from=limit).replace(",", "")
        number = format_exact(limit, base, unit).replace(",", "").removesuffix(f" {unit}")
        same = float(shown.removesuffix(f" {unit}")) == float(number)
        assert same == (value == limit)

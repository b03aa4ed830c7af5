import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbudget.units import parse
from pytest_modelbudget.units.format import (
    format_bytes,
    format_bytes_short,
    format_pair,
    format_score,
    format_seconds,
    format_share,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (format_bytes(225_704), "225,704 B"),
        (format_bytes_short(225_704), "226 kB"),
        (format_bytes_short(3_310_360), "3.31 MB"),
        (format_bytes_short(12), "12.0 B"),
        (format_seconds(0.0015), "1.50 ms"),
        (format_seconds(0.0000453), "45.3 us"),
        (format_seconds(1800), "30.0 min"),
        (format_seconds(0), "0 us"),
        (format_share(0.01), "1.00%"),
        (format_score(0.98251), "0.9825"),
        (format_score(0), "0"),
        (format_score(-0.00125), "-0.001250"),
    ],
)
def test_numbers_as_they_are_shown(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize(
    ("first", "second", "unit", "shown"),
    [
        (60_001, 60_000, "bytes", ("60,001 B", "60,000 B")),
        (0.00213, 0.002, "seconds", ("2.13 ms", "2.00 ms")),
        (0.0010001, 0.001, "seconds", ("1.0001 ms", "1.0000 ms")),
        (0.0009999, 0.001, "seconds", ("0.9999 ms", "1.000 ms")),
        (1.03e-6, 1e-9, "seconds", ("1.03 us", "0.00100 us")),
        (0, 0.01, "score", ("0.00000", "0.01000")),
        (0.5, 0.5, "score", ("0.5000", "0.5000")),
        (0.01001, 0.01, "share", ("1.001%", "1.000%")),
        (12_000_001, 12_000_000, "count", ("12,000,001", "12,000,000")),
    ],
)
def test_two_numbers_that_differ_look_different(
    first: float, second: float, unit: str, shown: tuple[str, str]
) -> None:
    assert format_pair(first, second, unit) == shown


SIZES = st.integers(1, 2**50)
DURATIONS_S = st.floats(1e-8, 5e5)
SHARES = st.floats(1e-9, 0.99)


@given(SIZES)
def test_a_size_reads_back_exactly(size_bytes: int) -> None:
    assert parse.parse_size(format_bytes(size_bytes)) == size_bytes


@given(DURATIONS_S, SHARES)
def test_a_rounded_number_reads_back_to_its_digits(duration_s: float, share: float) -> None:
    assert parse.parse_duration(format_seconds(duration_s, 8)) == pytest.approx(
        duration_s, rel=1e-7
    )
    assert parse.parse_share(format_share(share, 8)) == pytest.approx(share, rel=1e-7)
    assert parse.parse_drop(format_score(share, 8)) == pytest.approx(share, rel=1e-7)


@given(st.one_of(*(st.tuples(kind, kind) for kind in (SIZES, DURATIONS_S, SHARES))))
def test_a_pair_differs_exactly_when_its_numbers_do(pair: tuple[float, float]) -> None:
    for unit in ("seconds", "score", "share", "ratio"):
        first, second = format_pair(*pair, unit)
        assert (first == second) == (pair[0] == pair[1])

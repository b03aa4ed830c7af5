from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbudget.units import parse
from pytest_modelbudget.units.invalid import InvalidValueError
from pytest_modelbudget.units.table import Quantity

Parse = Callable[[object], Quantity]
RIGHT: list[tuple[Parse, object, Quantity]] = [
    (parse.parse_size, 900_000, Quantity(900_000, "B")),
    (parse.parse_size, "900 KiB", Quantity(921_600, "KiB")),
    (parse.parse_size, "900KiB", Quantity(921_600, "KiB")),
    (parse.parse_size, "3.4 MB", Quantity(3_400_000, "MB")),
    (parse.parse_size, "225,704 B", Quantity(225_704, "B")),
    (parse.parse_size, "1 GiB", Quantity(2**30, "GiB")),
    (parse.parse_size, "1.0005 kB", Quantity(1000, "kB")),
    (parse.parse_duration, "350 us", Quantity(0.00035, "us")),
    (parse.parse_duration, "350 \u00b5s", Quantity(0.00035, "us")),
    (parse.parse_duration, "350 \u03bcs", Quantity(0.00035, "us")),
    (parse.parse_duration, "2 ms", Quantity(0.002, "ms")),
    (parse.parse_duration, "1.5 s", Quantity(1.5, "s")),
    (parse.parse_duration, "30 min", Quantity(1800.0, "min")),
    (parse.parse_duration, "1 h", Quantity(3600.0, "h")),
    (parse.parse_drop, 0.005, Quantity(0.005, "")),
    (parse.parse_drop, 0, Quantity(0.0, "")),
    (parse.parse_drop, "0.5 pp", Quantity(0.005, "pp")),
    (parse.parse_share, "1%", Quantity(0.01, "%")),
    (parse.parse_share, "1 %", Quantity(0.01, "%")),
    (parse.parse_count, 1, Quantity(1, "")),
    (parse.parse_count, 16, Quantity(16, "")),
    (parse.parse_count, "12 M", Quantity(12_000_000, "M")),
    (parse.parse_count, "1.5 G", Quantity(1_500_000_000, "G")),
]
PARSERS = sorted({parse for parse, _, _ in RIGHT}, key=lambda parse: parse.__name__)


@pytest.mark.parametrize(("parse", "written", "value"), RIGHT)
def test_what_is_written_becomes_one_unit(parse: Parse, written: object, value: Quantity) -> None:
    assert parse(written) == value


WRONG: list[tuple[Parse, object, str]] = [
    (
        parse.parse_size,
        "3,5 MB",
        "expected a size such as 900 KiB or 3.4 MB, got '3,5 MB'; write 3.5 MB",
    ),
    (parse.parse_size, "9 mib", "unknown unit 'mib'; write 9 MiB"),
    (parse.parse_size, "9 k", "unknown unit 'k'; write 9 kB or 9 KiB"),
    (
        parse.parse_size,
        "9 parsec",
        "unknown unit 'parsec'; known are B, kB, MB, GB, KiB, MiB, GiB",
    ),
    (parse.parse_duration, "2 hours", "unknown unit 'hours'; write 2 h"),
    (parse.parse_duration, "2 moons", "unknown unit 'moons'; write us, ms, s, min or h"),
    (parse.parse_drop, "-1 pp", "expected a drop of 0 or more, such as 0.5 pp, got '-1 pp'"),
    (parse.parse_share, 2, "expected a share such as 1%, got 2; write 2%"),
    (parse.parse_share, 1, "expected a share such as 1%, got 1; write 1%"),
    (parse.parse_share, 0.5, "expected a share such as 1%, got 0.5; write 50%"),
    (parse.parse_share, "0.5 pp", "expected a share such as 1%, got '0.5 pp'; write 0.5%"),
    (parse.parse_share, "half", "expected a share such as 1%, got 'half'"),
    (parse.parse_count, "12 m", "unknown unit 'm'; write 12 M"),
    (parse.parse_count, "12 x", "unknown unit 'x'; write 12 k or 12 M or 12 G or 12 T"),
    (parse.parse_count, "many", "expected a count such as 12 M or 1.5 G, got 'many'"),
    (parse.parse_count, True, "expected a count such as 12 M or 1.5 G, got true"),
    (parse.parse_drop, "-" * 60, f"expected a drop such as 0.5 pp or 0.005, got '{'-' * 60}'"),
    (parse.parse_drop, "-" * 61, f"expected a drop such as 0.5 pp or 0.005, got '{'-' * 57}...'"),
    (parse.parse_size, float("nan"), "expected a size such as 900 KiB or 3.4 MB, got nan"),
    (parse.parse_drop, float("inf"), "expected a drop such as 0.5 pp or 0.005, got inf"),
    (parse.parse_size, "", "expected a size such as 900 KiB or 3.4 MB, got ''"),
]


@pytest.mark.parametrize(("parse", "written", "message"), WRONG)
def test_what_is_wrong_says_what_to_write(parse: Parse, written: object, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse(written)
    assert str(caught.value) == message


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(
    written=st.one_of(
        st.text(),
        st.from_regex(r"-?[\d,.]{1,12} ?[a-zA-Z%\u00b5]{0,4}", fullmatch=True),
        st.integers(-(2**64), 2**64),
        st.floats(),
        st.sampled_from([None, True, [], {}]),
    )
)
def test_nothing_but_its_own_error_is_raised(parse: Parse, written: object) -> None:
    try:
        parse(written)
    except InvalidValueError as error:
        message = str(error)
    else:
        message = "ok"
    assert message

"""Quantities that carry their unit: from what is written to bytes, seconds and shares."""

import re
from collections.abc import Mapping
from decimal import Decimal

from pytest_modelbudget.budgetfile.types import Growth
from pytest_modelbudget.units.invalid import InvalidValueError, expected

SIZES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
# Two characters look like the micro sign: U+00B5 and the Greek letter U+03BC.
DURATIONS = {
    **dict.fromkeys(("us", "\u00b5s", "\u03bcs"), Decimal("1e-6")),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "min": Decimal(60),
    "h": Decimal(3600),
}
COUNTS = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

MAX_SIZE_BYTES = 2**50
MAX_DURATION_S = 7 * 24 * 3600
MAX_COUNT = 10**18
MAX_SCORE = 10**9

_QUANTITY = re.compile(
    r"(?P<number>[-+]?(?:\d{1,3}(?:,\d{3}){1,6}|\d{1,20})(?:\.\d{1,20})?)\s*"
    r"(?P<unit>[^\s\d.,]{0,20})",
    re.ASCII,
)
_DECIMAL_COMMA = re.compile(r"\d+,\d+(?=\s*[^\d,.]*$)", re.ASCII)
_SLOPPY_SIZE = re.compile(r"([kmg])(i?)(?:b|bytes)?", re.IGNORECASE)
_SLOPPY_DURATIONS = {
    "us": ("usec", "microsecond", "microseconds"),
    "ms": ("msec", "millis", "millisecond", "milliseconds"),
    "s": ("sec", "secs", "second", "seconds"),
    "min": ("mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
}


def parse_size(value: object) -> int:
    """Return bytes from ``900 KiB``, ``3.4 MB`` or a whole number.

    Raises:
        InvalidValueError: If it is not a size of 1 byte to 1 PiB.
    """
    form = "a size such as 900 KiB or 3.4 MB"
    number, unit = _split(value, form)
    if unit and unit not in SIZES:
        raise InvalidValueError(f"unknown unit '{unit}'", _size_hint(number, unit))
    if not unit and number % 1:
        raise expected(form, value, f"write {number:f} kB or {number:f} KiB; bytes are whole")
    size_bytes = number * SIZES[unit or "B"]
    return int(_within(size_bytes, 1, MAX_SIZE_BYTES, value, "a size from 1 B to 1 PiB"))


def parse_duration(value: object) -> float:
    """Return seconds from ``2 ms``, ``350 us``, ``1.5 s``, ``30 min`` or ``1 h``.

    Raises:
        InvalidValueError: If it has no unit, or is not above 0 and at most 168 h.
    """
    number, unit = _split(value, "a duration such as 2 ms")
    if not unit:
        hint = f"write {number:f} ms, {number:f} s or {number:f} min"
        raise expected("a duration with its unit", value, hint)
    if unit not in DURATIONS:
        meant = [name for name, sloppy in _SLOPPY_DURATIONS.items() if unit.lower() in sloppy]
        units = ["ms", "min"] if unit == "m" else meant
        hint = " or ".join(f"{number:f} {name}" for name in units) or "us, ms, s, min or h"
        raise InvalidValueError(f"unknown unit '{unit}'", f"write {hint}")
    duration_s = number * DURATIONS[unit]
    form = "a duration from 1 ns to 168 h"
    return float(_within(duration_s, Decimal("1e-9"), MAX_DURATION_S, value, form))


def parse_drop(value: object) -> float:
    """Return a drop in the metric's own units from ``0.005`` or ``0.5 pp``.

    Raises:
        InvalidValueError: If it is a share, negative or absurdly large.
    """
    form = "a drop such as 0.5 pp or 0.005"
    number, unit = _split(value, form)
    if unit == "%":
        raise InvalidValueError(
            f"a drop is absolute, got '{value}'",
            f"write {number:f} pp for points of 100; a share goes into max_relative_accuracy_drop",
        )
    if unit not in ("", "pp"):
        raise expected(form, value)
    score = number / 100 if unit else number
    return float(_within(score, 0, MAX_SCORE, value, "a drop of 0 or more, such as 0.5 pp"))


def parse_share(value: object) -> float:
    """Return 0.01 from ``1%``.

    Raises:
        InvalidValueError: If there is no percent sign, or it is not from 0% to 100%.
    """
    form = "a share from 0% to 100%"
    number, unit = _split(value, "a share such as 1%")
    if unit != "%":
        percent = number if unit == "pp" or number >= 1 else number * 100
        raise expected("a share such as 1%", value, f"write {percent.normalize():f}%")
    return float(_within(number / 100, 0, 1, value, form))


def parse_count(value: object) -> int:
    """Return a whole number from ``12000000``, ``12 M`` or ``1.5 G``.

    Raises:
        InvalidValueError: If it is not a whole number from 1 to 10**18.
    """
    form = "a count such as 12 M or 1.5 G"
    number, unit = _split(value, form)
    if unit and unit not in COUNTS:
        units = [name for name in COUNTS if name.lower() == unit[0].lower()] or list(COUNTS)
        hint = " or ".join(f"{number:f} {name}" for name in units)
        raise InvalidValueError(f"unknown unit '{unit}'", f"write {hint}")
    count = number * COUNTS.get(unit, 1)
    if count % 1:
        raise expected("a whole number", value)
    return int(_within(count, 1, MAX_COUNT, value, "a count from 1 to 10**18"))


def parse_size_growth(value: object) -> Growth:
    """Return a growth from a size such as ``5 kB`` or a share such as ``1%``."""
    return _parse_growth(value, "5 kB", SIZES, Decimal(1))


def parse_duration_growth(value: object) -> Growth:
    """Return a growth from a duration such as ``0.1 ms`` or a share such as ``10%``."""
    return _parse_growth(value, "0.1 ms", DURATIONS, None)


def parse_loss(value: object) -> Growth:
    """Return a growth from an absolute drop such as ``0.5 pp``."""
    return Growth(parse_drop(value), relative=False)


def _parse_growth(
    value: object, example: str, units: Mapping[str, int | Decimal], bare: Decimal | None
) -> Growth:
    """Parse a share or an amount; ``bare`` is the factor of a number without a unit."""
    form = f"a growth such as {example} or 2%"
    number, unit = _split(value, form)
    if unit == "%":
        return Growth(float(_within(number / 100, 0, 100, value, form)), relative=True)
    factor = units.get(unit, None if unit else bare)
    if factor is None:
        raise expected(form, value)
    amount = _within(number * factor, 0, MAX_SIZE_BYTES, value, form)
    return Growth(float(amount), relative=False)


def _split(value: object, form: str) -> tuple[Decimal, str]:
    """Return the number and the unit, which is empty for a bare number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise expected(form, value)
    if isinstance(value, float):
        # Beyond these a Decimal of 28 digits gives up, and no quantity is that small or large.
        if value and not 1e-15 <= abs(value) <= 1e20:
            raise expected(form, value)
        return Decimal(str(value)), ""
    match = _QUANTITY.fullmatch(str(value).strip())
    if match is None:
        text = str(value).strip()
        has_comma = _DECIMAL_COMMA.match(text)
        raise expected(form, value, f"write {text.replace(',', '.')}" if has_comma else "")
    return Decimal(match["number"].replace(",", "")), match["unit"]


def _within(
    number: Decimal, smallest: Decimal | int, largest: int, value: object, form: str
) -> Decimal:
    if not smallest <= number <= largest:
        raise expected(form, value)
    return number


def _size_hint(number: Decimal, unit: str) -> str:
    sloppy = _SLOPPY_SIZE.fullmatch(unit)
    if sloppy is None:
        return f"known are {', '.join(SIZES)}"
    letter = sloppy[1].upper()
    iec = f"{number:f} {letter}iB"
    return f"write {iec}" if sloppy[2] else f"write {number:f} {letter.replace('K', 'k')}B or {iec}"

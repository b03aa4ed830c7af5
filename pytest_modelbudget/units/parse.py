"""Quantities that carry their unit: from what is written to bytes, seconds and shares."""

import re
from decimal import Decimal

from pytest_modelbudget.units.invalid import InvalidValueError, expected
from pytest_modelbudget.units.table import UNITS, Quantity

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
# Two characters look like the micro sign: U+00B5 and the Greek letter U+03BC.
_MICROSECONDS = ("\u00b5s", "\u03bcs")
_SLOPPY_SIZE = re.compile(r"([kmg])(i?)(?:b|bytes)?", re.IGNORECASE)
_SLOPPY_DURATIONS = {
    "us": ("usec", "microsecond", "microseconds"),
    "ms": ("msec", "millis", "millisecond", "milliseconds"),
    "s": ("sec", "secs", "second", "seconds"),
    "min": ("mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
}


def parse_size(written: object) -> Quantity:
    """Return bytes from ``900 KiB``, ``3.4 MB`` or a whole number.

    Raises:
        InvalidValueError: If it is not a size of 1 byte to 1 PiB.
    """
    form = "a size such as 900 KiB or 3.4 MB"
    number, unit = _split(written, form)
    if unit and unit not in UNITS["bytes"]:
        raise InvalidValueError(f"unknown unit '{unit}'", _size_hint(number, unit))
    if not unit and number % 1:
        raise expected(form, written, f"write {number:f} kB or {number:f} KiB; bytes are whole")
    size_bytes = number * UNITS["bytes"][unit or "B"]
    _check_range(size_bytes, 1, MAX_SIZE_BYTES, written, "a size from 1 B to 1 PiB")
    return Quantity(int(size_bytes), unit or "B")


def parse_duration(written: object) -> Quantity:
    """Return seconds from ``2 ms``, ``350 us``, ``1.5 s``, ``30 min`` or ``1 h``.

    Raises:
        InvalidValueError: If it has no unit, or is not from 1 ns to 168 h.
    """
    number, unit = _split(written, "a duration such as 2 ms")
    if not unit:
        hint = f"write {number:f} ms, {number:f} s or {number:f} min"
        raise expected("a duration with its unit", written, hint)
    unit = "us" if unit in _MICROSECONDS else unit
    if unit not in UNITS["seconds"]:
        meant = [name for name, sloppy in _SLOPPY_DURATIONS.items() if unit.lower() in sloppy]
        units = ["ms", "min"] if unit == "m" else meant
        hint = " or ".join(f"{number:f} {name}" for name in units) or "us, ms, s, min or h"
        raise InvalidValueError(f"unknown unit '{unit}'", f"write {hint}")
    duration_s = number * UNITS["seconds"][unit]
    form = "a duration from 1 ns to 168 h"
    _check_range(duration_s, Decimal("1e-9"), MAX_DURATION_S, written, form)
    return Quantity(float(duration_s), unit)


def parse_drop(written: object) -> Quantity:
    """Return a drop in the metric's own units from ``0.005`` or ``0.5 pp``.

    Raises:
        InvalidValueError: If it is a share, negative or above 10**9.
    """
    form = "a drop such as 0.5 pp or 0.005"
    number, unit = _split(written, form)
    if unit == "%":
        raise InvalidValueError(
            f"a drop is absolute, got '{written}'",
            f"write {number:f} pp for points of 100; a share goes into max_relative_accuracy_drop",
        )
    if unit not in UNITS["score"]:
        raise expected(form, written)
    score = number * UNITS["score"][unit]
    _check_range(score, 0, MAX_SCORE, written, "a drop of 0 or more, such as 0.5 pp")
    return Quantity(float(score), unit)


def parse_share(written: object) -> Quantity:
    """Return 0.01 from ``1%``.

    Raises:
        InvalidValueError: If there is no percent sign, or it is not from 0% to 100%.
    """
    number, unit = _split(written, "a share such as 1%")
    if unit != "%":
        percent = number if unit == "pp" or number >= 1 else number * 100
        raise expected("a share such as 1%", written, f"write {percent.normalize():f}%")
    share = number * UNITS["share"][unit]
    _check_range(share, 0, 1, written, "a share from 0% to 100%")
    return Quantity(float(share), unit)


def parse_count(written: object) -> Quantity:
    """Return a whole number from ``12000000``, ``12 M`` or ``1.5 G``.

    Raises:
        InvalidValueError: If it is not a whole number from 1 to 10**18.
    """
    number, unit = _split(written, "a count such as 12 M or 1.5 G")
    known = UNITS["count"]
    if unit not in known:
        near = [name for name in known if name and name.lower() == unit[0].lower()]
        hint = " or ".join(f"{number:f} {name}" for name in near or filter(None, known))
        raise InvalidValueError(f"unknown unit '{unit}'", f"write {hint}")
    count = number * known[unit]
    if count % 1:
        raise expected("a whole number", written)
    _check_range(count, 1, MAX_COUNT, written, "a count from 1 to 10**18")
    return Quantity(int(count), unit)


def _split(written: object, form: str) -> tuple[Decimal, str]:
    """Return the number and the unit, which is empty for a bare number."""
    if not isinstance(written, str | int | float):
        raise expected(form, written)
    if isinstance(written, float):
        # Beyond these a Decimal of 28 digits gives up, and no quantity is that small or large.
        if written and not 1e-15 <= abs(written) <= 1e20:
            raise expected(form, written)
        return Decimal(str(written)), ""
    text = str(written).strip()
    match = _QUANTITY.fullmatch(text)
    if match is None:
        has_comma = _DECIMAL_COMMA.match(text)
        raise expected(form, written, f"write {text.replace(',', '.')}" if has_comma else "")
    return Decimal(match["number"].replace(",", "")), match["unit"]


def _check_range(
    number: Decimal, smallest: Decimal | int, largest: int, written: object, form: str
) -> None:
    if not smallest <= number <= largest:
        raise expected(form, written)


def _size_hint(number: Decimal, unit: str) -> str:
    sloppy = _SLOPPY_SIZE.fullmatch(unit)
    if sloppy is None:
        return f"known are {', '.join(UNITS['bytes'])}"
    letter = sloppy[1].upper()
    iec = f"{number:f} {letter}iB"
    return f"write {iec}" if sloppy[2] else f"write {number:f} {letter.replace('K', 'k')}B or {iec}"

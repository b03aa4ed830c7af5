"""Bytes, seconds, scores and shares as messages and reports show them, in the unit of the limit.

What is printed here can be written into a budget file: ``parse.py`` reads it back.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import count

from pytest_modelbudget.units.table import UNITS, BaseUnit

_DIGITS = 3  # significant digits of a measured value
_SCORE_DIGITS = 4
_WHOLE = {("bytes", "B"), ("count", ""), ("operators", "")}


def format_exact(value: float, base: BaseUnit, unit: str) -> str:
    """Return a limit as it was written: every digit, no trailing zero, such as ``0.5 pp``.

    Args:
        value: In the base unit.
        base: What ``value`` is stored in.
        unit: The unit to show it in, a key of ``UNITS[base]``.
    """
    number = _in_unit(value, base, unit).normalize()
    return _with_unit(f"{number:,f}", unit)


def format_value(
    value: float, base: BaseUnit, unit: str, *, apart_from: float | None = None
) -> str:
    """Return a measured value with three significant digits (a score: four).

    Bytes and counts in their base unit are printed in full, and so is what ``apart_from`` equals.

    Args:
        value: In the base unit.
        base: What ``value`` is stored in.
        unit: The unit to show it in, a key of ``UNITS[base]``.
        apart_from: Another value that must look different unless it is the same: more digits are
            shown until it does.
    """
    if (base, unit) in _WHOLE:
        return _with_unit(f"{value:,.0f}", unit)
    if value == apart_from:
        return format_exact(value, base, unit)
    number = _in_unit(value, base, unit)
    other = None if apart_from is None else _in_unit(apart_from, base, unit)
    for digits in count(_least_digits(base, unit)):
        text = _significant(number, digits, beside=other or Decimal(0))
        if other is None or Decimal(text) != other:
            break
    return _with_unit(text, unit)


def format_interval(low: float, high: float | None, base: BaseUnit, unit: str) -> str:
    """Return an interval with an en dash; without an upper end ``at least 42.0 us``.

    The two ends get more digits until they look different, unless they are the same.
    """
    if high is None:
        return f"at least {format_value(low, base, unit)}"
    ends = _in_unit(low, base, unit), _in_unit(high, base, unit)
    for digits in count(_least_digits(base, unit)):
        first, last = (_significant(end, digits, beside=max(ends, key=abs)) for end in ends)
        if first != last or low == high:
            break
    return _with_unit(f"{first} to {last}" if low < 0 else f"{first}\u2013{last}", unit)


def format_figure(value: float, base: BaseUnit) -> str:
    """Return a figure in the unit that people write it in, such as ``40.1 kB``."""
    return format_value(value, base, natural_unit(value, base))


def format_change(before: float, after: float, base: BaseUnit) -> tuple[str, str]:
    """Return two values of a figure, such as ``40.1 kB`` and ``43.7 kB``, in the same unit.

    They get more digits until they look different, unless they are the same.
    """
    unit = natural_unit(max(before, after, key=abs), base)
    return (
        format_value(before, base, unit, apart_from=after if after != before else None),
        format_value(after, base, unit, apart_from=before if after != before else None),
    )


def format_bytes(size_bytes: float) -> str:
    """Return the exact size, such as ``225,704 B``."""
    return format_value(size_bytes, "bytes", "B")


def format_seconds(duration_s: float) -> str:
    """Return a duration in the largest unit that it reaches, such as ``1.50 ms``."""
    return format_value(duration_s, "seconds", _largest_duration(duration_s))


def format_wait(seconds: float) -> str:
    """Return a duration as a person reads it at a glance: ``12 s`` or ``3 min``."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def format_score(score: float) -> str:
    """Return a metric's value, such as ``0.9825``."""
    return format_value(score, "score", "")


def format_share(share: float) -> str:
    """Return a share of something, such as ``1.6 %``, or ``3,775 times`` for a large one."""
    if share >= 10:
        return f"{share:,.0f} times"
    return f"{100 * share:.1f} %" if share >= 1e-3 or not share else f"{100 * share:.2g} %"


def readable_unit(value: float, base: BaseUnit, unit: str) -> str:
    """Return ``unit``, or a smaller one of sizes and durations far below 1 ``unit``."""
    if not value or abs(value) * 100 >= UNITS[base][unit]:
        return unit
    return {"seconds": _largest_duration(value), "bytes": "B"}.get(base, unit)


def natural_unit(value: float, base: BaseUnit) -> str:
    """Return the unit that people write a measured value in: the largest that it reaches."""
    if base == "seconds":
        return _largest_duration(value)
    decimal = {"bytes": ("B", "kB", "MB", "GB"), "count": ("", "k", "M", "G", "T")}.get(base, ("",))
    return [unit for unit in decimal if abs(value) >= UNITS[base][unit] or unit == decimal[0]][-1]


def format_bound(value: float, base: BaseUnit, unit: str, digits: int, *, up: bool = True) -> str:
    """Return a limit that ``value`` is within, as people write it in a budget file.

    Args:
        value: In the base unit.
        base: What ``value`` is stored in.
        unit: The unit to write it in, a key of ``UNITS[base]``.
        digits: How many significant digits it gets at most.
        up: Whether it is rounded up, as a maximum is; a minimum is rounded down.
    """
    number = _in_unit(value, base, unit)
    if not number:
        return _with_unit("0", unit)
    decimals = digits - 1 - number.adjusted()
    if (base, unit) in _WHOLE:
        decimals = min(decimals, 0)
    rounding = ROUND_CEILING if up else ROUND_FLOOR
    rounded = number.quantize(Decimal(1).scaleb(-decimals), rounding)
    return _with_unit(f"{rounded.normalize():f}", unit)


def _largest_duration(duration_s: float) -> str:
    """Return the largest unit that a duration reaches."""
    reached = [unit for unit, factor in UNITS["seconds"].items() if abs(duration_s) >= factor]
    return reached[-1] if reached else "us"


def _least_digits(base: BaseUnit, unit: str) -> int:
    return _SCORE_DIGITS if (base, unit) == ("score", "") else _DIGITS


def _in_unit(value: float, base: BaseUnit, unit: str) -> Decimal:
    """Convert from the base unit; ``str`` drops the binary noise of numbers such as 0.005."""
    return Decimal(str(value)) / UNITS[base][unit]


def _with_unit(number: str, unit: str) -> str:
    return f"{number} {unit}" if unit else number


def _significant(number: Decimal, digits: int, beside: Decimal) -> str:
    """Return ``number`` rounded to significant digits, without an exponent.

    A zero has none: it gets as many decimals as the number ``beside`` it.
    """
    magnitude = number or beside
    decimals = max(0, digits - 1 - magnitude.adjusted()) if magnitude else 0
    return f"{number:.{decimals}f}"

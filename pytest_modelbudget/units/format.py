"""Bytes, seconds, scores and shares as messages and reports show them.

What is printed here can be written into a budget file: ``parsing.py`` reads it back.
"""

from collections.abc import Mapping
from decimal import Decimal

_SIZES = {"B": Decimal(1), "kB": Decimal(10**3), "MB": Decimal(10**6), "GB": Decimal(10**9)}
_DURATIONS = {
    "us": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "min": Decimal(60),
    "h": Decimal(3600),
}


def format_bytes(size_bytes: float) -> str:
    """Return the exact size, such as ``225,704 B``."""
    return f"{size_bytes:,.0f} B"


def format_bytes_short(size_bytes: float) -> str:
    """Return the size in three digits, such as ``226 kB``."""
    return _in_unit(size_bytes, *_largest_unit(size_bytes, _SIZES), digits=3)


def format_seconds(duration_s: float, digits: int = 3) -> str:
    """Return a duration in its natural unit, such as ``1.50 ms``."""
    return _in_unit(duration_s, *_largest_unit(duration_s, _DURATIONS), digits)


def format_share(share: float, digits: int = 3) -> str:
    """Return 0.01 as ``1.00%``."""
    return f"{_significant(Decimal(share) * 100, digits)}%"


def format_score(score: float, digits: int = 4) -> str:
    """Return a metric's value, such as ``0.9825``."""
    return _significant(Decimal(score), digits)


def format_pair(first: float, second: float, unit: str) -> tuple[str, str]:
    """Return two values of one kind of limit in one unit, digits enough to tell them apart.

    Args:
        first: In the unit of the limit's kind: bytes, seconds, a score, a share or a count.
        second: As ``first``.
        unit: ``LimitKind.unit``.
    """
    if unit in ("bytes", "count", "flag", "operators"):
        suffix = " B" if unit == "bytes" else ""
        return f"{first:,.0f}{suffix}", f"{second:,.0f}{suffix}"
    texts = ("", "")
    for digits in range(3 if unit == "seconds" else 4, 20):
        texts = _pair(first, second, unit, digits)
        if first == second or _number(texts[0]) != _number(texts[1]):
            break
    return texts


def format_measured(value: float, low: float, high: float | None, limit: float, unit: str) -> str:
    """Return a value with its interval, such as ``43.1 us (42.0 to 44.0 us)``.

    In the unit of its limit, as ``format_pair`` has it, unless that is another one.
    """
    alone, beside = format_pair(value, value, unit)[0], format_pair(value, limit, unit)[0]
    same = alone.partition(" ")[2] == beside.partition(" ")[2]
    return f"{beside if same else alone} ({format_interval(low, high, unit)})"


def format_interval(low: float, high: float | None, unit: str) -> str:
    """Return an interval such as ``42.0 to 44.0 us``; None is no upper end."""
    if high is None:
        return f"at least {format_pair(low, low, unit)[0]}"
    first, last = format_pair(low, high, unit)
    return f"{first.partition(' ')[0]} to {last}"


def _pair(first: float, second: float, unit: str, digits: int) -> tuple[str, str]:
    suffix, factor = "", Decimal(1)
    if unit == "share":
        suffix, factor = "%", Decimal("0.01")
    if unit == "seconds":
        name, factor = _largest_unit(max(abs(first), abs(second)), _DURATIONS)
        suffix = f" {name}"
    one, other = Decimal(first) / factor, Decimal(second) / factor
    return (
        f"{_significant(one, digits, beside=other)}{suffix}",
        f"{_significant(other, digits, beside=one)}{suffix}",
    )


def _number(text: str) -> Decimal:
    """Return what a reader compares: ``1.000 ms`` and ``1.00 ms`` are the same."""
    return Decimal(text.partition(" ")[0].removesuffix("%"))


def _largest_unit(value: float, units: Mapping[str, Decimal]) -> tuple[str, Decimal]:
    """Return the largest of the ascending ``units`` that ``value`` reaches, and its factor."""
    reached = [name for name, factor in units.items() if abs(value) >= factor]
    name = (reached or list(units))[-1 if reached else 0]
    return name, units[name]


def _in_unit(value: float, name: str, factor: Decimal, digits: int) -> str:
    return f"{_significant(Decimal(value) / factor, digits)} {name}"


def _significant(number: Decimal, digits: int, beside: Decimal = Decimal(0)) -> str:
    """Return ``number`` rounded to significant digits behind the point, without an exponent.

    A zero has none: it gets as many decimals as the number ``beside`` it.
    """
    magnitude = number or beside
    decimals = max(0, digits - 1 - magnitude.adjusted()) if magnitude else 0
    return f"{number:.{decimals}f}"

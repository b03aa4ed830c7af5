"""The numbers of a row as text, in the unit of its limit."""

from pytest_modelbudget.judge.limits import FIGURES
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.units.format import (
    format_change,
    format_exact,
    format_interval,
    format_share,
    format_value,
    readable_unit,
)

_COMPARABLE = {"bytes", "seconds", "count", "ratio"}  # a margin is also shown as a share of these


def amounts(row: Row) -> tuple[str, str, str]:
    """Return measured, limit and margin as text in the limit's unit; empty if unknown."""
    if row.unit == "" or row.measured is None:
        return "", "", ""
    if row.unit == "operators":
        return f"{row.measured:.0f}" if row.measured else "none", "none", ""
    base, unit = row.unit, row.written_unit
    shown_in = readable_unit(row.measured, base, unit)
    measured = format_value(row.measured, base, shown_in, apart_from=row.limit)
    if row.low is not None:
        measured += f" ({format_interval(row.low, row.high, base, shown_in)})"
    if row.limit is None or row.margin is None:
        return measured, "", ""
    sign = "-" if row.margin < 0 else "+" if row.margin else ""
    return measured, format_exact(row.limit, base, unit), f"{sign}{margin_amount(row)}"


def figure_change(row: Row) -> tuple[str, str, str] | None:
    """Return the accepted figure, the measured one, and by how much it changed, as text.

    None if nothing was accepted, or if the figure agrees with that as well as two sessions do.
    """
    if row.accepted is None or row.value is None or row.agrees_with(row.accepted):
        return None
    kind, difference = FIGURES[row.figure], row.value - row.accepted
    if 0 < abs(difference) <= kind.repeats_within * row.accepted:
        return None
    base = kind.base_unit
    sign = "-" if difference < 0 else "+"
    if base in _COMPARABLE and row.accepted:
        amount = format_share(abs(difference / row.accepted))
    else:
        amount = format_value(abs(difference), base, "")
    return *format_change(row.accepted, row.value, base), f"{sign}{amount}"


def margin_amount(row: Row) -> str:
    """Return the room that is left or missing, without a sign; empty if unknown."""
    base = row.unit
    if base == "":
        return ""
    amount, limit = abs(row.margin or 0.0), abs(row.limit or 0.0)
    share = f" ({format_share(amount / limit)})" if limit and base in _COMPARABLE else ""
    return f"{format_value(amount, base, row.written_unit)}{share}"

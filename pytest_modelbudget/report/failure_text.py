"""The text of a limit that failed, as pytest, JUnit and all reports show it."""

from collections.abc import Iterator
from shlex import quote

from pytest_modelbudget.judge.limits import FIGURES, LIMITS
from pytest_modelbudget.judge.limits.growth_limit import GrowthLimit
from pytest_modelbudget.report.reasons import line
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.report.row_text import amounts, margin_amount
from pytest_modelbudget.units.format import format_change, format_value

_WHOLE = {"bytes": "B", "count": ""}


def explain(row: Row) -> str:
    """Return the text of a failure; its first line alone says what is wrong."""
    if row.outcome == "error":
        return f"{row.name}: not built: {row.how}\n{row.place}"
    if row.outcome == "unmeasured":
        return f"{row.name} could not be measured: {row.how}\n{row.place}"
    if row.unit == "operators":
        return "\n".join([f"{row.name}: {row.how}", "", *_last_lines(row)])
    changes = row.environment_changes
    lines = [
        _headline(row),
        "",
        line("measured", f"{_exactly(row)}  {row.how}"),
        *([row.why] if row.why else []),
        *([line("baseline", row.baseline)] if row.baseline else []),
        *([line("note", row.note)] if row.note else []),
        *([line("note", row.remark)] if row.remark else []),
        *([line("note", f"the environment changed: {changes}")] if changes else []),
    ]
    return "\n".join([*lines, *_last_lines(row)])


def _headline(row: Row) -> str:
    """Return in one line by how much which limit is exceeded."""
    kind = LIMITS[row.name]
    measured, limit, _ = amounts(row)
    if isinstance(kind, GrowthLimit):
        growth = f"{row.figure} {kind.verb} by {measured}"
        return f"{row.name}: {growth}, from {row.baseline} to {_new(row)}; allowed is {limit}"
    side = "over the limit" if kind.lower_is_better else "below the minimum"
    return f"{row.name}: {measured} is {margin_amount(row)} {side} of {limit}"


def _new(row: Row) -> str:
    """Return the figure beside the one that was accepted."""
    reference = row.value if row.accepted is None else row.accepted
    assert row.value is not None, "a limit of growth has measured its figure"
    return format_change(reference or 0.0, row.value, FIGURES[row.figure].base_unit)[1]


def _exactly(row: Row) -> str:
    """Return a size to the byte, or a count to the last one, behind its rounded amount."""
    is_growth = isinstance(LIMITS[row.name], GrowthLimit)
    base = FIGURES[row.figure].base_unit if is_growth else row.unit
    measured = _new(row) if is_growth else amounts(row)[0]
    whole = _WHOLE.get(base)
    if whole is None or base == "" or (row.written_unit == whole and not is_growth):
        return measured
    value = row.value if is_growth else row.measured
    return f"{measured} ({format_value(value or 0, base, whole)})"


def _last_lines(row: Row) -> Iterator[str]:
    kind = LIMITS[row.name]
    yield line("limit", row.place)
    yield line("artifact", f"{row.artifact} ({row.built})")
    yield line("what helps", row.helps or kind.advice)
    if isinstance(kind, GrowthLimit):
        budget_file = row.place.rsplit(":", 2)[0]
        yield line("or", f"accept it: pytest {quote(budget_file)} --budget-update")

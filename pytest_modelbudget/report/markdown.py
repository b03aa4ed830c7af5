"""The results as Markdown: for a comment on a pull request, and for GitHub's step summary.

What failed comes first, then what changed since it was accepted; the limits that hold are folded.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_modelbudget.errors import as_seen
from pytest_modelbudget.report.environment_notes import environment_notes
from pytest_modelbudget.report.failure_text import explain
from pytest_modelbudget.report.figure_changes import figure_changes
from pytest_modelbudget.report.record import Record
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.report.row_text import amounts
from pytest_modelbudget.report.terminal import MARKS, notes_on_test_sets
from pytest_modelbudget.report.text_file import write_file

MARKER = "<!-- pytest-modelbudget -->"
"""The first line, by which a comment of an earlier run is found."""
MAX_CHARACTERS = 60_000
"""GitHub takes 65,536 in a comment; what CI writes around the report needs some, too."""
_HEAD = "| | model | limit | measured | allowed | margin |\n| - | - | - | -: | -: | -: |"
_CHANGES = (
    "| model | figure | accepted | measured | change | grew most |\n| - | - | -: | -: | -: | - |"
)
_CUT = "\n\nThe rest does not fit into a comment: see the output of pytest.\n"
_MARKS = {
    "within": "✅",
    "measured": "",
    "skipped": "❔",
    "accepted": "✅",
    "exceeded": "❌",
    "unmeasured": "❔",
    "error": "💥",
}


def write(path: Path, record: Record) -> list[str]:
    """Write the report to ``path``.

    Raises:
        OSError: If the file cannot be written.
    """
    write_file(path, render(record))
    return [f"Markdown report written to {as_seen(path)}"]


def append(path: Path, record: Record) -> None:
    """Append the report to ``path``, which may have those of other programs.

    Raises:
        OSError: If the file cannot be written.
    """
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{render(record)}")


def render(record: Record) -> str:
    """Return the report, cut between two of its parts where a comment would be too long."""
    text = ""
    for part in _parts(record):
        if len(text) + len(part) + len(_CUT) > MAX_CHARACTERS:
            return text + _CUT
        text += part
    return f"{text}\n"


def _parts(record: Record) -> Iterator[str]:
    """Yield the parts of the report, the most important one first."""
    rows = record.rows
    failed = [row for row in rows if not row.holds]
    held = [row for row in rows if row.holds]
    yield f"{MARKER}\n## {_title(record)}"
    for mistake in record.mistakes:
        yield f"\n\n{_text(str(mistake))}"
    yield from _table(failed)
    yield from _changes(rows)
    yield from (f"\n\n> {_text(note)}" for note in environment_notes(rows))
    yield from _reasons(failed)
    for note in (
        *dict.fromkeys(row.remark for row in rows if row.remark),
        *notes_on_test_sets(rows),
    ):
        yield f"\n\n> {_text(note)}"
    if not record.is_judged:
        yield from _table(held)
    elif held:
        yield f"\n\n<details><summary>{_count(len(held))} within</summary>"
        yield from _table(held)
        yield "\n\n</details>"


def _title(record: Record) -> str:
    """Return how many limits there are, and how many of them failed in which way."""
    outcomes = [row.outcome for row in record.rows]
    failures = [
        f"{outcomes.count(outcome)} {MARKS[outcome].lower()}"
        for outcome in ("exceeded", "unmeasured", "error")
        if outcome in outcomes
    ]
    if not record.is_judged:
        return "Model budgets: nothing was judged"
    if record.mistakes:
        return "Model budgets: mistakes in budget files"
    changed = len(figure_changes(record.rows))
    figures = "1 figure" if changed == 1 else f"{changed:,} figures"
    also = f"; {figures} changed since accepted" if changed else ""
    if not failures:
        return f"Model budgets: {_count(len(outcomes))} within{also}"
    return f"Model budgets: {', '.join(failures)} of {_count(len(outcomes))}{also}"


def _count(limits: int) -> str:
    return "1 limit" if limits == 1 else f"{limits:,} limits"


def _table(rows: Iterable[Row]) -> Iterator[str]:
    head = f"\n\n{_HEAD}"
    for row in rows:
        cells = (_MARKS[row.outcome], _text(row.subject), f"`{row.name}`", *amounts(row))
        yield f"{head}\n| {' | '.join(cells)} |"
        head = ""


def _changes(rows: Iterable[Row]) -> Iterator[str]:
    head = f"\n\n### Changed since accepted\n\n{_CHANGES}"
    for each in figure_changes(rows):
        amounts = each.accepted, each.measured, each.change
        cells = (_text(each.subject), each.figure, *amounts, _text(each.grew_most))
        yield f"{head}\n| {' | '.join(cells)} |"
        head = ""


def _reasons(failed: Iterable[Row]) -> Iterator[str]:
    """Yield the text of each failure; a build that failed once for all that needed it."""
    told = set()
    for row in failed:
        if row.outcome != "error":
            summary = f"Why {_text(row.subject)} <code>{row.name}</code> failed"
        elif row.how not in told:
            summary = f"Why {_text(row.subject)} could not be built"
            told.add(row.how)
        else:
            continue
        yield f"\n\n<details><summary>{summary}</summary>\n\n{_code(row)}\n\n</details>"


def _code(row: Row) -> str:
    """Return the text of a failure as a block that no text can end."""
    text = explain(row)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _text(text: str) -> str:
    """Return text that Markdown and HTML show as it is, in one line of a table."""
    visible = " ".join(text.split())
    return re.sub(r"[&<>|`*\[\]\\~@#!]", lambda found: f"&#{ord(found[0])};", visible)

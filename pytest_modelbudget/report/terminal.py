"""The table at the end of a pytest run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pytest_modelbudget.report.environment_notes import environment_note
from pytest_modelbudget.report.figure_changes import figure_changes
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.report.row_text import amounts

HEAD = ("limit", "measured", "allowed", "margin", "")
CHANGES_HEAD = ("changed", "accepted", "measured", "change")
MARKS = {
    "within": "",
    "measured": "",
    "skipped": "UNMEASURED",
    "accepted": "ACCEPTED",
    "exceeded": "EXCEEDED",
    "unmeasured": "UNMEASURED",
    "error": "NOT BUILT",
}
RIGHT = {1, 2, 3}


@dataclass(frozen=True)
class Line:
    """A line of the table; ``alarm`` if its limit failed."""

    text: str
    alarm: bool = False


def table(rows: Iterable[Row]) -> Iterator[Line]:
    """Yield the lines of one table, a block for each variant; nothing without rows."""
    cells = {row: (row.name, *amounts(row), MARKS[row.outcome]) for row in rows}
    if not cells:
        return
    widths = _widths([HEAD, *cells.values()])
    yield Line(_align(HEAD, widths))
    for subject, variant in _by_variant(cells).items():
        yield from _heading(subject, variant)
        for row in variant:
            yield Line(_align(cells[row], widths), alarm=not row.holds)
    yield from map(Line, notes_on_test_sets(cells))
    yield from map(Line, _changes(cells))


def _changes(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the lines of a table of the figures that changed; nothing if none did."""
    cells = {
        each: (each.figure, each.accepted, each.measured, each.change, each.grew_most)
        for each in figure_changes(rows)
    }
    if not cells:
        return
    is_known = any(change.grew_most for change in cells)
    head = (*CHANGES_HEAD, "grew most" if is_known else "")
    widths = _widths([head, *cells.values()])
    yield _align(head, widths)
    subject = ""
    for change, line in cells.items():
        if change.subject != subject:
            subject = change.subject
            yield subject
        yield _align(line, widths)


def figures(rows: Iterable[Row]) -> Iterator[Line]:
    """Yield the lines of one table of figures that were not judged, a block for each variant."""
    cells = {row: (row.name, amounts(row)[0] or MARKS[row.outcome]) for row in rows}
    widths = _widths(cells.values())
    for subject, variant in _by_variant(cells).items():
        yield from _heading(subject, variant)
        for row in variant:
            why = row.how.partition("\n")[0] if row.outcome == "skipped" else ""
            reason = f"  {why}" if why else ""
            yield Line(f"{_align(cells[row], widths)}{reason}", alarm=row.outcome == "error")


def _heading(subject: Iterable[str], variant: list[Row]) -> Iterator[Line]:
    """Yield the name of a variant, and what is known of its artifact."""
    yield Line(" ".join(filter(None, [*subject, _history(variant)])))
    notes = (
        *_layers_skipped(variant).splitlines(),
        *_parts(variant),
        *_quantized(variant),
        *_unrecorded(variant),
        *environment_note(variant),
        *(row.remark for row in variant if row.remark),
    )
    yield from (Line(f"  {note}") for note in notes)


def _by_variant(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of each variant, in the order in which variants first came."""
    variants: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        variants.setdefault((row.budget, row.variant), []).append(row)
    return variants


def notes_on_test_sets(rows: Iterable[Row]) -> Iterator[str]:
    """Yield one line for each test set that is too small, for the first limit that shows it."""
    noted: dict[str, list[Row]] = {}
    for row in rows:
        if row.note:
            noted.setdefault(row.test_data, []).append(row)
    for test_data, same in noted.items():
        more = f", and for {len(same) - 1} more of its limits" if len(same) > 1 else ""
        yield f"{test_data}: {same[0].note}{more}"


def _history(rows: list[Row]) -> str:
    """Return whether the artifact of a variant was built or cached, and the seconds it took."""
    known = [f"({row.built}, {row.seconds:.2f} s)" for row in rows if row.seconds is not None]
    return known[0] if known else ""


def _layers_skipped(rows: list[Row]) -> str:
    return next((row.layers_skipped for row in rows if row.layers_skipped), "")


def _parts(rows: list[Row]) -> Iterator[str]:
    """Yield where the bytes of what TensorFlow serves are."""
    known = dict.fromkeys(row.parts for row in rows if row.parts)
    yield from (f"bytes: {parts}" for parts in known)


def _quantized(rows: list[Row]) -> list[str]:
    """Return who quantized a variant, in a list that is empty if it is not quantized."""
    return [row.quantized for row in rows if row.quantized][:1]


def _unrecorded(rows: list[Row]) -> Iterator[str]:
    """Yield why the results of a variant are made again in every session."""
    known = dict.fromkeys(row.unrecorded for row in rows if row.unrecorded)
    if known:
        yield f"made again in every session: it depends on {', '.join(known)}"
        yield "(name a file or folder that changes with it in depends_on)"


def _widths(rows: Iterable[Sequence[str]]) -> list[int]:
    """Return the width of each column."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _align(cells: Iterable[str], widths: Iterable[int]) -> str:
    padded = (
        cell.rjust(width) if column in RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"  {'  '.join(padded)}".rstrip()

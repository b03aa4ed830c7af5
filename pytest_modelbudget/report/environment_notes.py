"""Notes on figures that changed together with the tools or the machine.

There is no note on a figure that did not change: it needs no explanation.
"""

from collections.abc import Iterable, Iterator

from pytest_modelbudget.report.row import Row


def environment_note(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a line of one variant for each way in which its environment has changed."""
    for changes, subjects in _changed(rows).items():
        for figures in subjects.values():
            names = ", ".join(figures)
            yield f"{names} changed since accepted, and so did the environment: {changes}"


def environment_notes(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a line of all variants for each way in which the environment has changed."""
    for changes, subjects in _changed(rows).items():
        where = "; ".join(f"{subject}: {', '.join(names)}" for subject, names in subjects.items())
        yield f"The environment changed, too: {changes} ({where})"


def _changed(rows: Iterable[Row]) -> dict[str, dict[str, list[str]]]:
    """Return the figures that changed, by the changes of the environment and by variant."""
    changed: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        if row.environment_changes:
            figures = changed.setdefault(row.environment_changes, {}).setdefault(row.subject, [])
            if row.figure not in figures:
                figures.append(row.figure)
    return changed

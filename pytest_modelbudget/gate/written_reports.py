"""Writes the reports that were given a path, at the end of the session."""

from collections.abc import Iterable
from pathlib import Path

from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.report import WrittenReport
from pytest_modelbudget.report.record import Record


def write_reports(
    record: Record, reports: Iterable[tuple[WrittenReport, Path]]
) -> tuple[list[str], list[str]]:
    """Write each of ``reports`` to its path.

    Returns:
        Lines for the end of the terminal's output, and errors, for which the session fails.
    """
    notes: list[str] = []
    errors: list[str] = []
    for report, path in reports:
        try:
            notes += report.write(path, record)
        except (ModelBudgetError, OSError) as error:
            errors.append(f"--budget-{report.name}: {error}")
    return notes, errors

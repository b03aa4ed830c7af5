"""Writes the reports that were given a path, at the end of the session; and those for GitHub."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_modelbudget.errors import ModelBudgetError, as_seen
from pytest_modelbudget.report import REPORTS, WrittenReport

if TYPE_CHECKING:
    from pytest_modelbudget.report.record import Record  # it would import pydantic


def wanted_reports(config: pytest.Config) -> list[tuple[WrittenReport, Path]]:
    """Return the reports that the user has given a path for, each with the absolute path."""
    paths = [(report, written_path(config, report.name)) for report in REPORTS]
    return [(report, path) for report, path in paths if path]


def written_path(config: pytest.Config, name: str) -> Path | None:
    """Return the absolute path that the user has given for a report, if any.

    Raises:
        pytest.UsageError: If it is empty, as an unset variable of a script is.
    """
    path = config.getoption(f"budget_{name}")
    if path == "":
        raise pytest.UsageError(f"--budget-{name}: the path is empty; write --budget-{name}=PATH")
    path = path or config.getini(f"modelbudget_{name}")
    return config.invocation_params.dir / path if path else None


def check_reports(reports: Iterable[tuple[WrittenReport, Path]]) -> None:
    """Check that each of ``reports`` can be written to its path, before anything is built.

    Raises:
        pytest.UsageError: If one cannot.
    """
    for report, path in reports:
        try:
            report.check(path)
        except ModelBudgetError as error:
            raise pytest.UsageError(f"--budget-{report.name}: {error}") from error


def not_written(reports: Iterable[tuple[WrittenReport, Path]]) -> list[str]:
    """Return a line for each of ``reports``: no limit ran, so there is nothing to report."""
    return [
        f"--budget-{report.name}: no limit ran, so {as_seen(path)} "
        + ("is left as it was" if path.exists() else "was not written")
        for report, path in reports
    ]


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


def append_summary(record: Record) -> list[str]:
    """Append the Markdown to GitHub's step summary, where there is one.

    Returns:
        Why that failed, if it did. The session does not fail, as no option asks for the summary.
    """
    from pytest_modelbudget.report.markdown import append

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    try:
        if summary:
            append(Path(summary), record)
    except OSError as error:
        return [f"GITHUB_STEP_SUMMARY: {error}"]
    return []


def github_commands(record: Record, config: pytest.Config) -> Iterator[str]:
    """Yield the lines by which GitHub Actions annotates the budget files; none elsewhere.

    pytest-github-actions-annotate-failures annotates failures at the same place. It does not
    annotate errors.
    """
    from pytest_modelbudget.report.annotations import of_rows

    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    has_twin = config.pluginmanager.hasplugin("pytest_github_actions_annotate_failures")
    rows = [row for row in record.rows if row.outcome == "error" or not has_twin]
    yield from (each.github_command() for each in (*record.mistakes, *of_rows(rows)))

"""The reports: one module each.

This module is imported in every pytest session, so it imports only the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_modelbudget.report.record import Record


class ReportModule(Protocol):
    """What the module of a report that is written to a path offers."""

    def write(self, path: Path, record: Record) -> Sequence[str]:
        """Write the report.

        Args:
            path: The absolute path that the user gave.
            record: The results of the session, with at least one limit.

        Returns:
            Lines for the end of the terminal's output.

        Raises:
            ModelBudgetError: If the report could not be written; the session fails.
            OSError: Likewise.
        """


@dataclass(frozen=True)
class WrittenReport:
    """A report that is written to a path if the user gives one.

    Attributes:
        name: The name in ``--budget-<name>`` and ``modelbudget_<name>``.
        metavar: The kind of path, as the help shows it: ``PATH`` is one file.
        help: One line for the help.
        module: The module of this package with ``write``; see ``ReportModule``.
        shows_details: Whether it shows ``Record.details``, which are gathered only then.
    """

    name: str
    metavar: str
    help: str
    module: str
    shows_details: bool = False

    def check(self, path: Path) -> None:
        """Check that a report that is one file can be written to ``path``.

        Raises:
            ModelBudgetError: If it cannot.
        """
        if self.metavar == "PATH":
            import_module(f"{__name__}.text_file").check_file(path)

    def write(self, path: Path, record: Record) -> Sequence[str]:
        """Import the module of the report, and write the report; see ``ReportModule.write``."""
        module = import_module(f"{__name__}.{self.module}")
        return cast("ReportModule", module).write(path, record)


REPORTS = (
    WrittenReport(
        "artifacts",
        "DIR",
        "copy each artifact of which every limit ran and passed to this directory",
        "artifacts",
    ),
    WrittenReport(
        "json",
        "PATH",
        "write all results to this file, as JSON",
        "json_report",
        shows_details=True,
    ),
    WrittenReport("markdown", "PATH", "write a report for a comment on a pull request", "markdown"),
    WrittenReport("codequality", "PATH", "write GitLab's code quality report", "codequality"),
    WrittenReport(
        "html",
        "PATH",
        "write all results to this file, as one HTML page",
        "html_page",
        shows_details=True,
    ),
)
"""The reports that are written to a path."""

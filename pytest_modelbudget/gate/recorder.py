"""Collects the results of a session, from xdist workers too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_modelbudget.report.record import CollectedVariant, Record

COLLECTED = "modelbudget_collected"
"""The name under which an xdist worker sends the variants that it has collected."""

SESSION_NAME = "modelbudget_session"
"""The name under which an xdist worker is sent the name of the session."""


class Recorder:
    """Collects what the reports are made of, from xdist workers too.

    Attributes:
        is_judged: Whether limits are judged, and not only figures measured.
        session_name: A name that no other session has.
        collected: The variants of all budget files, as keys; ``BudgetFile`` adds them.
        notes: What the written reports say at the end of the terminal's output, also if they were
            not written.
        errors: Why a report could not be written.
    """

    def __init__(self, *, is_judged: bool) -> None:
        self.is_judged = is_judged
        self.session_name = os.urandom(16).hex()
        self._rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._details: list[tuple[tuple[str, str], str]] = []
        self._mistakes: list[dict[str, Any]] = []
        self.collected: dict[CollectedVariant, None] = {}
        self.notes: list[str] = []
        self.errors: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the row of a limit and its details; ``LimitItem.complete`` added them."""
        if row := getattr(report, "modelbudget_row", None):
            key = row["place"], row.get("variant", ""), row["name"]
            self._rows[key] = row  # a plugin may run an item twice
            if details := getattr(report, "modelbudget_details", None):
                self._details.append(((row["budget"], row.get("variant", "")), details))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what is wrong in a budget file; ``pytest_make_collect_report`` added it."""
        self._mistakes.extend(getattr(report, "modelbudget_mistakes", ()))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell an xdist worker the name of the session: the user may repeat ``--testrunuid``."""
        node.workerinput[SESSION_NAME] = self.session_name

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add the variants that an xdist worker has collected, which this process has not."""
        if found := getattr(node, "workeroutput", {}).get(COLLECTED):
            from pytest_modelbudget.report.record import CollectedVariant

            self.collected |= dict.fromkeys(CollectedVariant(*values) for values in found)

    def record(self) -> Record | None:
        """Return the results, or None if no limit ran and every budget file is right."""
        # A session without budget files does not import the package.
        if not self._rows and not self._mistakes:
            return None
        from pytest_modelbudget.report.annotations import Annotation
        from pytest_modelbudget.report.record import Record, joined_details
        from pytest_modelbudget.report.row import Row

        return Record(
            rows=tuple(Row(**row) for row in self._rows.values()),
            collected=tuple(self.collected),
            details=joined_details(self._details),
            mistakes=tuple(dict.fromkeys(Annotation(**mistake) for mistake in self._mistakes)),
            is_judged=self.is_judged,
        )

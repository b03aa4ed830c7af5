"""The test items: one for each limit of a variant."""

import dataclasses
import os
from itertools import groupby
from typing import Any

import pytest

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.gate.accepting import update_mode
from pytest_modelbudget.gate.session import session_of
from pytest_modelbudget.gate.shipping import SHIPPING
from pytest_modelbudget.gate.written_reports import wanted_reports
from pytest_modelbudget.judge.details import VariantDetails
from pytest_modelbudget.judge.findings import Findings, UnmeasuredError
from pytest_modelbudget.judge.limits import LIMITS, measure
from pytest_modelbudget.judge.limits.growth_limit import GrowthLimit, how_to_accept
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.judge.verdict import judge
from pytest_modelbudget.report.failure_text import explain
from pytest_modelbudget.report.reasons import by_function, by_size, by_stage, by_tensor
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.report.row_text import figure_change


class LimitItem(pytest.Item):
    """One limit of one variant: passes if the model is within it."""

    def __init__(
        self, *, budget: Budget, limit: Limit, name: str, parent: pytest.Collector
    ) -> None:
        super().__init__(name, parent)
        self.budget = budget
        self.limit = limit
        self.add_marker("modelbudget")
        self._row = self._new_row()
        self._details: VariantDetails | None = None

    def setup(self) -> None:
        """Wait for what the limit needs to be built; a failed build is an ERROR of this item."""
        self._row = self._new_row()  # a plugin may run an item twice
        session = session_of(self.config)
        error = session.build(self.budget, self.limit)
        if error is not None:
            self._row = self._row.not_built(str(error).partition("\n")[0])
            # Not within `except`, because pytest would print the chain of causes.
            pytest.fail(session.explain(error, self.nodeid), pytrace=False)

    def runtest(self) -> None:
        """Measure and judge the limit."""
        try:
            findings = self.find()
            if figure := LIMITS[self.limit.name].figure:
                self._row = self._row.of_figure(figure, findings)
            verdict = judge(self.limit, measure(self.limit, findings))
            advice = "" if self._accepts() else how_to_accept(self.limit)
            self._row = self._accepted(self._row.judged(verdict, findings.test_data, advice))
            self._row = self._explained(self._row, findings)
        except UnmeasuredError as error:
            # A session that accepts need not say how to accept.
            why = error.cause if self._accepts() else str(error)
            self._row = self._accepted(self._row.unmeasured(why))
        if not self._row.holds:
            pytest.fail(explain(self._row), pytrace=False)

    def _explained(self, row: Row, findings: Findings) -> Row:
        """Return a judged row with the reasons for its figure, which are measured here.

        Raises:
            UnmeasuredError: If a measurement failed.
        """
        session, kind = session_of(self.config), LIMITS[row.name]
        is_exceeded = row.outcome == "exceeded"
        if is_exceeded and row.name == "max_bytes":
            row = by_size(row, session.explain_size(self.budget))
        if kind.names_tensors and (is_exceeded or figure_change(row) is not None):
            row = by_tensor(row, session.contents(self.budget, self.limit))
        if is_exceeded and "score" in kind.needs:
            row = by_stage(row, session.stage_scores(self.budget), findings.higher_is_better)
        if is_exceeded and findings.instructions:
            row = by_function(row, findings.instructions, findings.accepted_instructions)
        return row

    def find(self) -> Findings:
        """Measure what the limit needs, and keep what reports show of it.

        Raises:
            UnmeasuredError: If a measurement failed.
        """
        session = session_of(self.config)
        findings = session.find(self.budget, self.limit)
        self._row = self._row.of_artifact(findings.artifact, findings.unrecorded)
        if any(report.shows_details for report, _ in wanted_reports(self.config)):
            self._details = session.details(self.budget, self.limit, findings)
        return findings

    def _accepted(self, row: Row) -> Row:
        """Return the row of a limit of growth as accepted, if this session accepts its figure."""
        is_growth = isinstance(LIMITS[row.name], GrowthLimit)
        is_accepted = is_growth and row.value is not None and self._accepts()
        return row.accepted_growth() if is_accepted and not row.holds else row

    def _accepts(self) -> bool:
        """Return whether this session accepts what it measures."""
        mode = update_mode(self.config)
        return mode is not None and mode.writes

    def reportinfo(self) -> tuple["os.PathLike[str] | str", int | None, str]:
        """Point at the limit's own line in the budget file."""
        names = [self.budget.variant, self.limit.item_name]
        return self.path, self.limit.span.line - 1, "::".join(name for name in names if name)

    def complete(self, report: pytest.TestReport) -> None:
        """Add the row to ``report``, and let a failure point at the budget file.

        JUnit shows the properties. They are added to the report and not to the item, whose
        ``user_properties`` belong to the user and to other plugins.
        """
        if report.skipped and self._must_be_measured() and not hasattr(report, "wasxfail"):
            self._row = self._row.unmeasured(
                "the test was skipped, and what was accepted into the ledger must be measured; "
                "deselect it with -k if it cannot be measured here"
            )
            report.outcome, report.longrepr = "failed", explain(self._row)
        if report.failed and self._row.holds:
            self._row = self._row.unmeasured("the limit holds, but another plugin failed the test")
        properties = self._row.properties()
        report.user_properties.extend(properties)
        if report.when == "call" or report.failed:
            # xdist sends all attributes of a report.
            report.modelbudget_row = dict(properties)  # type: ignore[attr-defined]
            if self._details and self._details.model_fields_set:
                text = self._details.model_dump_json(exclude_unset=True)
                report.modelbudget_details = text  # type: ignore[attr-defined]
        if report.failed:
            self._locate(report)

    def _must_be_measured(self) -> bool:
        """Return whether the ledger has the figure that the limit is about, on every machine."""
        kind, accepted = LIMITS[self.limit.name], self.budget.accepted
        is_known = accepted is not None and (kind.guards or kind.figure) in accepted.figures
        return is_known and not self.limit.figure

    def _locate(self, report: pytest.TestReport) -> None:
        """Name the budget file as the place of a failure, with its first line as the summary.

        Editors, ``--tb=line`` and annotations in CI read this; it would name this module.
        """
        shown: Any = report.longrepr
        crash, chain = getattr(shown, "reprcrash", None), getattr(shown, "chain", None)
        if crash is None or chain is None:
            return
        message = crash.message.partition("\n")[0].removeprefix("Failed: ")
        line = self.limit.span.line
        located = dataclasses.replace(crash, path=str(self.path), lineno=line, message=message)
        shown.reprcrash = located
        # xdist sends only the chain and takes the place of the failure from its last element.
        *causes, (traceback, _, description) = chain
        shown.chain = [*causes, (traceback, located, description)]

    def _new_row(self) -> Row:
        return Row(
            budget=label(self),
            variant=self.budget.variant or "",
            name=self.limit.item_name,
            place=str(self.limit.span),
        )


class FigureItem(LimitItem):
    """One figure of one variant, which is measured and not judged: skipped if it cannot be."""

    def runtest(self) -> None:
        """Measure the figure."""
        try:
            self._row = self._row.looked_at(self.limit, self.find())
        except UnmeasuredError as error:
            self._row = self._row.skipped(str(error))
            pytest.skip(f"{self._row.name} could not be measured: {error}")

    def complete(self, report: pytest.TestReport) -> None:
        """Add the row to ``report``, and let a skipped figure point at the budget file."""
        super().complete(report)
        if report.skipped and isinstance(report.longrepr, tuple):
            report.longrepr = (str(self.path), self.limit.span.line, report.longrepr[2])


def label(node: pytest.Item | pytest.Collector) -> str:
    """Return what reports call the budget file of ``node``."""
    # The node id of a file outside rootdir is empty if the file itself is an argument.
    return node.nodeid.partition("::")[0] or node.path.name


def leave_out_limits(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run no limit if the artifacts cannot be shipped.

    pytest runs the other items after a collection error under xdist, and with
    ``--continue-on-collection-errors``.
    """
    shipping = config.stash.get(SHIPPING, None)
    if shipping and shipping.is_refused:
        items[:] = [item for item in items if not isinstance(item, LimitItem)]


def start_builds(session: pytest.Session) -> None:
    """Start to build what the selected limits need.

    Not under xdist, where each worker process has collected all items but runs only some.
    """
    if hasattr(session.config, "workerinput"):
        return
    selected = [item for item in session.items if isinstance(item, LimitItem)]
    for _, group in groupby(selected, key=lambda item: item.budget):
        items = list(group)
        session_of(session.config).start(items[0].budget, [item.limit for item in items])

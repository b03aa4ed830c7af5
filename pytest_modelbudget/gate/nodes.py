"""What pytest collects: a budget file, its variants, and one item for each limit."""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from itertools import groupby

import pytest

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.errors import BudgetFileError
from pytest_modelbudget.gate.session import Session
from pytest_modelbudget.judge.findings import UnmeasuredError
from pytest_modelbudget.judge.limits import measure
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.judge.verdict import judge
from pytest_modelbudget.plugin import SESSION
from pytest_modelbudget.report.row import Row


class BudgetFile(pytest.File):
    """A ``*.budget.yaml``."""

    def collect(self) -> Iterator["VariantNode | LimitItem"]:
        """Yield the variants, or the limits of a file without ``variants``."""
        try:
            budgets = load(self.path)
        except BudgetFileError as error:
            raise self.CollectError(str(error)) from error
        for budget in budgets:
            if budget.variant is None:
                yield from _items(self, budget)
            else:
                yield VariantNode.from_parent(self, name=budget.variant, budget=budget)


class VariantNode(pytest.Collector):
    """One entry of ``variants``."""

    def __init__(self, *, budget: Budget, name: str, parent: pytest.Collector) -> None:
        super().__init__(name, parent)
        self.budget = budget

    def collect(self) -> Iterator["LimitItem"]:
        """Yield one item for each limit."""
        return _items(self, self.budget)


class LimitItem(pytest.Item):
    """One limit of one variant: passes if the model is within it."""

    def __init__(
        self, *, budget: Budget, limit: Limit, name: str, parent: pytest.Collector
    ) -> None:
        super().__init__(name, parent)
        self.budget = budget
        self.limit = limit
        self.add_marker("modelbudget")
        self.row = Row(
            budget=self.nodeid.partition("::")[0],
            variant=budget.variant or "",
            name=limit.name,
            place=str(limit.span),
        )
        self.user_properties.extend(self.row.properties())

    def setup(self) -> None:
        """Wait for what the limit needs to be built; a failed build is an ERROR of this item."""
        error = session_of(self.config).build(self.budget, self.limit)
        if error is not None:
            # Not from an `except`: pytest would print the whole chain of causes.
            pytest.fail(str(error), pytrace=False)

    def runtest(self) -> None:
        """Measure and judge; the row goes to the reports, whatever comes of it."""
        row = self.row
        try:
            findings = session_of(self.config).find(self.budget, self.limit)
            row = row.of_artifact(findings.artifact)
            verdict = judge(self.limit, measure(self.limit, findings))
            row = row.judged(verdict, findings.test_data)
            if row.name == "max_bytes" and row.outcome == "exceeded":
                row = row.explained(session_of(self.config).explain_size(self.budget))
        except UnmeasuredError as error:
            row = row.unmeasured(str(error))
        self.user_properties[:] = row.properties()
        if row.outcome != "within":
            pytest.fail(row.explain(), pytrace=False)

    def reportinfo(self) -> tuple["os.PathLike[str] | str", int | None, str]:
        """Point at the limit's own line in the budget file."""
        names = [self.budget.variant, self.limit.name]
        return self.path, self.limit.span.line - 1, "::".join(name for name in names if name)


def _items(parent: pytest.Collector, budget: Budget) -> Iterator[LimitItem]:
    for limit in budget.limits:
        yield LimitItem.from_parent(parent, name=limit.name, budget=budget, limit=limit)


def session_of(config: pytest.Config) -> Session:
    """Return the session's pipeline, made when it is first needed."""
    if SESSION not in config.stash:
        config.stash[SESSION] = Session(config)
    return config.stash[SESSION]


def begin(session: pytest.Session) -> None:
    """Begin to build what the selected limits need.

    Not under xdist, where each worker has collected everything but runs only a share.
    """
    if hasattr(session.config, "workerinput"):
        return
    selected = [item for item in session.items if isinstance(item, LimitItem)]
    for _, group in groupby(selected, key=lambda item: id(item.budget)):
        items = list(group)
        session_of(session.config).begin(items[0].budget, [item.limit for item in items])


def locate(item: LimitItem, report: pytest.TestReport) -> None:
    """Let a failure point at the budget file, with its first line as the summary.

    Editors, ``--tb=line`` and annotations in CI read this, and it would name ``nodes.py``.
    """
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        message = crash.message.partition("\n")[0].removeprefix("Failed: ")
        line = item.limit.span.line
        located = dataclasses.replace(crash, path=str(item.path), lineno=line, message=message)
        report.longrepr.reprcrash = located  # type: ignore[union-attr]


def rows_of(reports: Iterable[pytest.TestReport]) -> list[Row]:
    """Return the rows in the reports, an error's too, in the order they came."""
    rows = []
    for report in reports:
        known = dict(report.user_properties)
        if "place" in known and (
            report.when == "call" or (report.when == "setup" and report.failed)
        ):
            rows.append(Row(**known))  # type: ignore[arg-type]
    return rows

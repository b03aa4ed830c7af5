"""The hooks and options of the pytest plugin.

Everything else, apart from the table of reports, their paths and the usual globs, is imported when
a budget file or a folder that pytest skips is found.
"""

from __future__ import annotations

import os
from dataclasses import astuple
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest

from pytest_modelbudget.budgetfile.lookalikes import GLOBS
from pytest_modelbudget.gate.written_reports import (
    append_summary,
    check_reports,
    github_commands,
    not_written,
    wanted_reports,
    write_reports,
    written_path,
)
from pytest_modelbudget.report import REPORTS

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_modelbudget.gate.nodes import BudgetFile
    from pytest_modelbudget.report.record import CollectedVariant, Record


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


COLLECTED = "modelbudget_collected"
SESSION_NAME = "modelbudget_session"
RECORDER = pytest.StashKey[Recorder]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options, each with its ini twin."""
    group = parser.getgroup(
        "modelbudget", "model budgets (write '=': pytest may take a value after a space for a test)"
    )
    # The values are written behind "=": see ``gate/rootdir.py``.
    group.addoption("--budget-jobs", type=int, metavar="N", help="how many builds run at a time")
    group.addoption("--budget-memory", metavar="SIZE", help="the memory limit of one build")
    group.addoption("--budget-cache", metavar="DIR", help="the cache directory")
    group.addoption("--budget-rebuild", action="store_true", help="ignore cached results")
    group.addoption(
        "--budget-measure",
        action="store_true",
        help="judge nothing: measure and show every figure, also of variants without a limit",
    )
    group.addoption(
        "--budget-update",
        nargs="?",
        metavar="write|anchor",
        help="accept what is measured into the ledger beside each budget file; where CI is set "
        "only show it, unless =write; =anchor also starts to count growth anew",
    )
    group.addoption("--budget-adb", metavar="ADB", help="the path of the program adb")
    group.addoption("--budget-adb-serial", metavar="SERIAL", help="the serial number of the device")
    group.addoption(
        "--budget-adb-benchmark", metavar="PATH", help="benchmark_model, built for the device"
    )
    parser.addini("modelbudget_files", "globs of budget files", type="args", default=list(GLOBS))
    parser.addini("modelbudget_jobs", "how many builds run at a time (default: half the cores)")
    parser.addini(
        "modelbudget_memory",
        "the memory limit of one build, such as 4 GB (default: 90 % of the machine's memory)",
    )
    parser.addini(
        "modelbudget_cache", "the cache directory, relative to rootdir", default=".modelbudget"
    )
    parser.addini("modelbudget_rebuild", "ignore cached results", type="bool", default=False)
    parser.addini("modelbudget_measure", "judge nothing: measure and show", type="bool")
    parser.addini("modelbudget_update", "as --budget-update: true, write or anchor", default="")
    parser.addini("modelbudget_adb", "the path of the program adb", default="adb")
    parser.addini("modelbudget_adb_serial", "the serial number of the device")
    parser.addini("modelbudget_adb_benchmark", "benchmark_model, built for the device")
    for report in REPORTS:
        group.addoption(f"--budget-{report.name}", metavar=report.metavar, help=report.help)
        parser.addini(f"modelbudget_{report.name}", report.help)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(args: list[str]) -> None:
    """Let ``--budget-update budgets/`` not take the path for the value of the option."""
    if "--budget-update" in args:
        args[:] = ["--budget-update=true" if word == "--budget-update" else word for word in args]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the recorder in the process that reports.

    Raises:
        pytest.UsageError: If an option of this plugin has moved rootdir, or if a report could not
            be written to its path.
    """
    config.addinivalue_line("markers", "modelbudget: one limit of a *.budget.yaml file")
    recorder = config.stash[RECORDER] = Recorder(is_judged=_is_judged(config))
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(recorder)
        if any(name.startswith("budget_") and value for name, value in vars(config.option).items()):
            from pytest_modelbudget.gate.rootdir import refuse_moved_rootdir

            refuse_moved_rootdir(config)
        if config.option.budget_update or config.getini("modelbudget_update"):
            from pytest_modelbudget.gate.accepting import update_mode

            update_mode(config)  # it refuses an unknown value before anything is built
        check_reports(wanted_reports(config))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> BudgetFile | None:
    """Collect the files that ``modelbudget_files`` matches."""
    config = parent.config
    globs = config.getini("modelbudget_files")
    if not any(fnmatch(file_path.name, glob) for glob in globs):
        if "budget" in file_path.name.lower():
            from pytest_modelbudget.gate.uncollected import warn_of_name

            warn_of_name(file_path, config)
        return None
    from pytest_modelbudget.gate.nodes import BudgetFile

    return BudgetFile.from_parent(
        parent,
        path=file_path,
        collected=config.stash[RECORDER].collected,
        artifacts=written_path(config, "artifacts"),
        judged=_is_judged(config),
    )


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Add what is wrong in a budget file to its report; xdist sends all attributes of it."""
    report = yield
    if report.failed:
        from pytest_modelbudget.gate.nodes import BudgetFile

        if isinstance(collector, BudgetFile):
            report.modelbudget_mistakes = collector.mistakes()  # type: ignore[attr-defined]
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the limits if their artifacts could not be shipped as the user asks."""
    if any("modelbudget" in item.keywords for item in items):
        from pytest_modelbudget.gate.nodes import leave_out_limits

        leave_out_limits(config, items)


@pytest.hookimpl(wrapper=True)
def pytest_ignore_collect(
    collection_path: Path, config: pytest.Config
) -> Generator[None, bool | None, bool | None]:
    """Warn of budget files in a folder that pytest skips."""
    is_ignored = yield
    if is_ignored and collection_path.name != "__pycache__":
        from pytest_modelbudget.gate.uncollected import warn_of_folder

        warn_of_folder(collection_path, config)
    return is_ignored


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start to build what the selected items need, while other tests run."""
    if session.config.option.collectonly or session.testsfailed:
        return
    if any("modelbudget" in item.keywords for item in session.items):
        from pytest_modelbudget.gate.nodes import start_builds

        start_builds(session)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the row of a limit to its report."""
    report = yield
    if "modelbudget" in item.keywords:
        from pytest_modelbudget.gate.nodes import LimitItem

        if isinstance(item, LimitItem):
            item.complete(report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the reports that were given a path; an xdist worker sends what it has collected."""
    config = session.config
    recorder = config.stash[RECORDER]
    if hasattr(config, "workeroutput"):
        found = [astuple(variant) for variant in recorder.collected]
        config.workeroutput[COLLECTED] = found
    elif config.option.collectonly:
        return
    elif record := recorder.record():
        recorder.notes, recorder.errors = write_reports(record, wanted_reports(config))
        recorder.notes += append_summary(record)
        if config.option.budget_update or config.getini("modelbudget_update"):
            from pytest_modelbudget.gate.accepting import accept

            notes, errors = accept(record, session)
            recorder.notes += notes
            recorder.errors += errors
    elif wanted := wanted_reports(config):
        recorder.notes = not_written(
            (report, path)
            for report, path in wanted
            if recorder.collected or config.getoption(f"budget_{report.name}")
        )
    if recorder.errors and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_judged(config: pytest.Config) -> bool:
    """Return whether limits are judged, and not only figures measured."""
    return not (config.option.budget_measure or config.getini("modelbudget_measure"))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show one table of all limits, and what the written reports say."""
    recorder = config.stash[RECORDER]
    record = recorder.record()
    if (record and record.rows) or recorder.notes:
        judged = "" if recorder.is_judged else ": nothing was judged (--budget-measure)"
        terminalreporter.section(f"model budgets{judged}")
    if record:
        from pytest_modelbudget.report.terminal import figures, table

        for line in (table if record.is_judged else figures)(record.rows):
            terminalreporter.write_line(line.text, red=line.alarm)
    for note in recorder.notes:
        terminalreporter.write_line(note)
    for error in recorder.errors:
        terminalreporter.write_line(error, red=True)
    if record:
        for command in github_commands(record, config):
            terminalreporter.write_line(command)

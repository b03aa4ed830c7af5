"""The hooks and options of the pytest plugin; everything else loads with the first budget file."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_modelbudget.gate.nodes import BudgetFile
    from pytest_modelbudget.gate.session import Session

SESSION: pytest.StashKey[Session] = pytest.StashKey()


class Recorder:
    """Keeps the reports of limits, also those that come from xdist workers."""

    def __init__(self) -> None:
        self.reports: list[pytest.TestReport] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the report if it is a limit's."""
        if "modelbudget" in report.keywords:
            self.reports.append(report)


RECORDER = pytest.StashKey[Recorder]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options, each with its ini twin."""
    group = parser.getgroup("modelbudget", "model budgets")
    group.addoption("--budget-jobs", type=int, metavar="N", help="builds at a time")
    group.addoption("--budget-cache", metavar="DIR", help="where artifacts are kept")
    group.addoption("--budget-rebuild", action="store_true", help="ignore what is cached")
    group.addoption(
        "--budget-artifacts", metavar="DIR", help="copy every artifact that passed to DIR"
    )
    group.addoption("--budget-adb", metavar="ADB", help="the program adb")
    group.addoption("--budget-adb-serial", metavar="SERIAL", help="which of several devices")
    group.addoption(
        "--budget-adb-benchmark", metavar="PATH", help="benchmark_model, built for the device"
    )
    files = ["*.budget.yaml", "*.budget.yml"]
    parser.addini("modelbudget_files", "globs of budget files", type="args", default=files)
    parser.addini("modelbudget_jobs", "builds at a time (default: half the cores)")
    parser.addini("modelbudget_cache", "where artifacts are kept", default=".modelbudget")
    parser.addini("modelbudget_rebuild", "ignore what is cached", type="bool", default=False)
    parser.addini("modelbudget_artifacts", "copy every artifact that passed to this directory")
    parser.addini("modelbudget_adb", "the program adb", default="adb")
    parser.addini("modelbudget_adb_serial", "which of several devices")
    parser.addini("modelbudget_adb_benchmark", "benchmark_model, built for the device")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the recorder where the results of all workers arrive."""
    config.addinivalue_line("markers", "modelbudget: one limit of a *.budget.yaml file")
    if not hasattr(config, "workerinput"):
        recorder = config.stash[RECORDER] = Recorder()
        config.pluginmanager.register(recorder)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> BudgetFile | None:
    """Collect the files that ``modelbudget_files`` matches."""
    globs = parent.config.getini("modelbudget_files")
    if not any(fnmatch(file_path.name, glob) for glob in globs):
        return None
    from pytest_modelbudget.gate.nodes import BudgetFile

    return BudgetFile.from_parent(parent, path=file_path)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to build what the selected items need, while other tests run."""
    if session.config.option.collectonly or session.testsfailed:
        return
    if any("modelbudget" in item.keywords for item in session.items):
        from pytest_modelbudget.gate.nodes import begin

        begin(session)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a failed limit point at its line in the budget file."""
    report = yield
    if report.failed and "modelbudget" in item.keywords:
        from pytest_modelbudget.gate.nodes import LimitItem, locate

        if isinstance(item, LimitItem):
            locate(item, report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Copy the artifacts that passed to where they were asked for."""
    config = session.config
    recorder = config.stash.get(RECORDER, None)
    directory = config.option.budget_artifacts or config.getini("modelbudget_artifacts")
    if recorder and recorder.reports and directory:
        from pytest_modelbudget.gate.nodes import rows_of
        from pytest_modelbudget.report.artifacts import ship

        ship(config.invocation_params.dir / directory, rows_of(recorder.reports))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show one table of all limits."""
    recorder = config.stash.get(RECORDER, None)
    if recorder and recorder.reports:
        from pytest_modelbudget.gate.nodes import rows_of
        from pytest_modelbudget.report.terminal import table

        terminalreporter.section("model budgets")
        for line in table(rows_of(recorder.reports)):
            terminalreporter.write_line(line.text, red=line.alarm)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the worker processes, whatever ended the session."""
    session = config.stash.get(SESSION, None)
    if session:
        session.close()

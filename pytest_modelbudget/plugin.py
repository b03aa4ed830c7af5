"""The hooks and options of the pytest plugin.

Everything else, apart from the table of reports, is imported with the first budget file.
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest

from pytest_modelbudget.report import REPORTS

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_modelbudget.gate.nodes import BudgetFile
    from pytest_modelbudget.report.row import Row


class Recorder:
    """Collects the rows of all limits from their reports, those of xdist workers included.

    Attributes:
        problems: Why reports could not be written, a line for each.
    """

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self.problems: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the row of a limit; ``LimitItem.complete`` added it."""
        if row := getattr(report, "modelbudget_row", None):
            self._rows.append(row)

    def rows(self) -> list[Row]:
        """Return the rows in the order in which they arrived."""
        if not self._rows:  # a session without budget files does not import the package
            return []
        from pytest_modelbudget.report.row import Row

        return [Row(**row) for row in self._rows]


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
    group.addoption("--budget-adb", metavar="ADB", help="the path of the program adb")
    group.addoption("--budget-adb-serial", metavar="SERIAL", help="the serial number of the device")
    group.addoption(
        "--budget-adb-benchmark", metavar="PATH", help="benchmark_model, built for the device"
    )
    files = ["*.budget.yaml", "*.budget.yml"]
    parser.addini("modelbudget_files", "globs of budget files", type="args", default=files)
    parser.addini("modelbudget_jobs", "how many builds run at a time (default: half the cores)")
    parser.addini(
        "modelbudget_memory",
        "the memory limit of one build, such as 4 GB (default: 90 % of the machine's memory)",
    )
    parser.addini(
        "modelbudget_cache", "the cache directory, relative to rootdir", default=".modelbudget"
    )
    parser.addini("modelbudget_rebuild", "ignore cached results", type="bool", default=False)
    parser.addini("modelbudget_adb", "the path of the program adb", default="adb")
    parser.addini("modelbudget_adb_serial", "the serial number of the device")
    parser.addini("modelbudget_adb_benchmark", "benchmark_model, built for the device")
    for report in REPORTS:
        group.addoption(f"--budget-{report.name}", metavar=report.metavar, help=report.help)
        parser.addini(f"modelbudget_{report.name}", report.help)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the recorder in the process that reports.

    Raises:
        pytest.UsageError: If an option of this plugin has moved rootdir.
    """
    config.addinivalue_line("markers", "modelbudget: one limit of a *.budget.yaml file")
    if not hasattr(config, "workerinput"):
        recorder = config.stash[RECORDER] = Recorder()
        config.pluginmanager.register(recorder)
        if any(name.startswith("budget_") and value for name, value in vars(config.option).items()):
            from pytest_modelbudget.gate.rootdir import refuse_moved_rootdir

            refuse_moved_rootdir(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> BudgetFile | None:
    """Collect the files that ``modelbudget_files`` matches."""
    globs = parent.config.getini("modelbudget_files")
    if not any(fnmatch(file_path.name, glob) for glob in globs):
        return None
    from pytest_modelbudget.gate.nodes import BudgetFile

    return BudgetFile.from_parent(parent, path=file_path)


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
    """Write the reports that were given a path, relative to the working directory.

    If one cannot be written, a session that passed fails; pytest shows no summary after an
    exception here.
    """
    config = session.config
    recorder = config.stash.get(RECORDER, None)
    if recorder is None:
        return
    for report in REPORTS:
        given = config.getoption(f"budget_{report.name}")
        path = given or config.getini(f"modelbudget_{report.name}")
        if path and (rows := recorder.rows()):
            try:
                report.write(config.invocation_params.dir / path, rows)
            except OSError as error:
                recorder.problems.append(
                    f"--budget-{report.name}={path} cannot be written: "
                    f"{error.filename}: {error.strerror}"
                )
                session.exitstatus = session.exitstatus or pytest.ExitCode.USAGE_ERROR


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show one table of all limits."""
    recorder = config.stash.get(RECORDER, None)
    if recorder and (rows := recorder.rows()):
        from pytest_modelbudget.report.terminal import table

        terminalreporter.section("model budgets")
        for line in table(rows):
            terminalreporter.write_line(line.text, red=line.alarm)
        for problem in recorder.problems:
            terminalreporter.write_line(problem, red=True)

"""The hooks of the pytest plugin.

A session without budget files imports this module, the options, the recorder and the table of
reports. Everything else is imported when a budget file or a folder that pytest skips is found.
"""

from __future__ import annotations

from dataclasses import astuple
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import pytest

from pytest_modelbudget.gate.options import add_ini_options, add_options, is_judged, names_update
from pytest_modelbudget.gate.recorder import COLLECTED, Recorder
from pytest_modelbudget.gate.written_reports import (
    append_summary,
    check_reports,
    github_commands,
    not_written,
    wanted_reports,
    write_reports,
    written_path,
)

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_modelbudget.gate.nodes import BudgetFile


RECORDER = pytest.StashKey[Recorder]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options, each with its ini twin."""
    add_options(parser)
    add_ini_options(parser)


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
    recorder = config.stash[RECORDER] = Recorder(is_judged=is_judged(config))
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(recorder)
        if any(name.startswith("budget_") and value for name, value in vars(config.option).items()):
            from pytest_modelbudget.gate.rootdir import refuse_moved_rootdir

            refuse_moved_rootdir(config)
        if names_update(config):
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
        judged=is_judged(config),
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
        from pytest_modelbudget.gate.limit_items import leave_out_limits

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
        from pytest_modelbudget.gate.limit_items import start_builds

        start_builds(session)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the row of a limit to its report."""
    report = yield
    if "modelbudget" in item.keywords:
        from pytest_modelbudget.gate.limit_items import LimitItem

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
        if names_update(config):
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

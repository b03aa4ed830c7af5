"""The options of the plugin, each with its ini twin."""

import pytest

from pytest_modelbudget.budgetfile.lookalikes import GLOBS
from pytest_modelbudget.report import REPORTS


def add_options(parser: pytest.Parser) -> None:
    """Register the options. Their values are written behind ``=``: see ``gate/rootdir.py``."""
    group = parser.getgroup(
        "modelbudget", "model budgets (write '=': pytest may take a value after a space for a test)"
    )
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
        "only show it, unless =write; =anchor also resets the anchors of growth",
    )
    group.addoption("--budget-adb", metavar="ADB", help="the path of the program adb")
    group.addoption("--budget-adb-serial", metavar="SERIAL", help="the serial number of the device")
    group.addoption(
        "--budget-adb-benchmark", metavar="PATH", help="benchmark_model, built for the device"
    )
    for report in REPORTS:
        group.addoption(f"--budget-{report.name}", metavar=report.metavar, help=report.help)


def add_ini_options(parser: pytest.Parser) -> None:
    """Register the ini twins, and ``modelbudget_files``."""
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
        parser.addini(f"modelbudget_{report.name}", report.help)


def is_judged(config: pytest.Config) -> bool:
    """Return whether limits are judged, and not only figures measured."""
    return not (config.option.budget_measure or config.getini("modelbudget_measure"))


def names_update(config: pytest.Config) -> bool:
    """Return whether ``--budget-update`` or its ini twin has a value, which may be ``false``."""
    return bool(config.option.budget_update or config.getini("modelbudget_update"))

"""``--budget-update``: whether and how a session accepts what it measures."""

import os

import pytest

from pytest_modelbudget.gate.options import is_judged
from pytest_modelbudget.report.ledger_update import UpdateMode, update_ledgers
from pytest_modelbudget.report.record import Record

OPTION = "--budget-update"
CHOICES = ("write", "anchor")
_ON, _OFF = ("true", "yes", "on", "1"), ("", "false", "no", "off", "0")


def update_mode(config: pytest.Config) -> UpdateMode | None:
    """Return how the session accepts what it measures; None if it does not.

    Raises:
        pytest.UsageError: If the option has an unknown value, or if nothing is judged.
    """
    written = config.option.budget_update
    value = config.getini("modelbudget_update").strip() if written is None else written
    if value in _OFF:
        return None
    if value not in (*CHOICES, *_ON):
        name = "modelbudget_update" if written is None else OPTION
        raise pytest.UsageError(f"{name}: expected nothing, write or anchor, got {value!r}")
    if not is_judged(config):
        raise pytest.UsageError(
            f"{OPTION} accepts what was judged, and --budget-measure judges nothing; write one of "
            "them"
        )
    return UpdateMode(
        writes=value == "write" or not os.environ.get("CI"), resets_anchors=value == "anchor"
    )


def accept(record: Record, session: pytest.Session) -> tuple[list[str], list[str]]:
    """Update the ledgers as the user asks; see ``update_ledgers``.

    A session that was interrupted accepts nothing.
    """
    mode = update_mode(session.config)
    is_complete = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    return update_ledgers(record, mode) if mode and is_complete else ([], [])

"""Writes the ledgers of a session that accepts what it measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbudget.errors import ModelBudgetError, as_seen
from pytest_modelbudget.ledger.accepted_budgets import refuse_shared_ledger
from pytest_modelbudget.ledger.ledger_file import EMPTY, ledger_path, render
from pytest_modelbudget.ledger.ledger_reader import read_ledger
from pytest_modelbudget.report.acceptance import Acceptance
from pytest_modelbudget.report.record import Record
from pytest_modelbudget.report.text_file import write_file


@dataclass(frozen=True)
class UpdateMode:
    """How a session accepts.

    Attributes:
        writes: Whether ledgers are written, and not only shown.
        resets_anchors: Whether the anchors become what is accepted now.
    """

    writes: bool
    resets_anchors: bool


def update_ledgers(record: Record, mode: UpdateMode) -> tuple[list[str], list[str]]:
    """Accept what was measured into the ledger of each budget file.

    Returns:
        Lines for the end of the terminal's output, and errors, for which the session fails: what
        was refused, and ledgers that could not be written.
    """
    notes: list[str] = []
    errors: list[str] = []
    for path in _budget_files(record):
        try:
            lines, refusals = _update(path, record, mode)
        except (ModelBudgetError, OSError) as error:
            errors.append(f"--budget-update: {error}")
        else:
            notes += lines
            (errors if mode.writes else notes).extend(refusals)
    return notes, errors


def _budget_files(record: Record) -> Iterator[Path]:
    """Yield the budget files of which at least one limit ran."""
    yield from dict.fromkeys(Path(each.path) for each in record.judged() if each.path)


def _update(budget_file: Path, record: Record, mode: UpdateMode) -> tuple[list[str], list[str]]:
    """Accept into one ledger; return what was accepted, and what was refused."""
    path = ledger_path(budget_file)
    refuse_shared_ledger(budget_file)
    before = read_ledger(path)
    acceptance = Acceptance(before or EMPTY, mode.resets_anchors)
    own = record.of_budget_file(str(budget_file))
    for variant, rows in own.judged().items():
        acceptance.accept(variant, rows)
    if own.is_whole():
        acceptance.remove(own.collected, own.rows)
    refusals = [f"{as_seen(path)}: {refusal}" for refusal in acceptance.refusals]
    if acceptance.ledger == (before or EMPTY):
        return [f"{as_seen(path)}: nothing to accept"], refusals
    if mode.writes:
        write_file(path, render(acceptance.ledger))
        head = f"{as_seen(path)} was written:"
    else:
        head = f"{as_seen(path)} was not written, because CI is set (--budget-update=write does):"
    return [head, *(f"  {change}" for change in acceptance.changes)], refusals

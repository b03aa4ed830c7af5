"""Adds to each variant of a budget file what its ledger has accepted of it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.budgetfile.document import refuse
from pytest_modelbudget.budgetfile.lookalikes import looks_like_budget
from pytest_modelbudget.errors import Span
from pytest_modelbudget.judge.accepted import AcceptedFigure, AcceptedVariant
from pytest_modelbudget.ledger.ledger_file import (
    UNNAMED,
    Ledger,
    LedgerFigure,
    LedgerVariant,
    ledger_path,
    split_key,
)
from pytest_modelbudget.ledger.ledger_reader import read_ledger


def with_accepted(budgets: Iterable[Budget], budget_file: Path) -> tuple[Budget, ...]:
    """Return the variants of ``budget_file`` with what was accepted of them.

    Raises:
        BudgetFileError: If the ledger cannot be used.
    """
    ledger = read_ledger(ledger_path(budget_file))
    if ledger is None:
        return tuple(budgets)
    refuse_shared_ledger(budget_file)
    return tuple(
        replace(budget, accepted=_accepted(ledger, budget.variant or UNNAMED)) for budget in budgets
    )


def refuse_shared_ledger(budget_file: Path) -> None:
    """Refuse a budget file whose ledger would be that of another one beside it.

    Raises:
        BudgetFileError: If there is such a file.
    """
    own = ledger_path(budget_file)
    for other in sorted(budget_file.parent.iterdir()):
        if other.name == budget_file.name or not looks_like_budget(other.name):
            continue
        if ledger_path(other) == own:
            what = f"{other.name} has the same ledger {own.name}"
            refuse(Span(budget_file, 1, 1), what, "rename one of the two budget files")


def _accepted(ledger: Ledger, name: str) -> AcceptedVariant | None:
    variant = ledger.variants.get(name)
    if variant is None:
        return None
    figures: dict[str, AcceptedFigure] = {}
    by_machine: dict[str, dict[str, AcceptedFigure]] = defaultdict(dict)
    for key, figure in variant.figures.items():
        kind, machine = split_key(key)
        accepted = _figure(ledger, variant, figure, machine)
        if machine:
            by_machine[kind][machine] = accepted
        else:
            figures[kind] = accepted
    return AcceptedVariant(variant.artifact, figures, by_machine)


def _figure(
    ledger: Ledger, variant: LedgerVariant, figure: LedgerFigure, machine: str
) -> AcceptedFigure:
    return AcceptedFigure(
        value=figure.accepted,
        anchor=figure.anchor,
        artifact=figure.artifact or variant.artifact,
        interval=None if figure.low is None else (figure.low, figure.high),
        environment=ledger.environments.get(machine or figure.environment or "", {}),
        metric=figure.metric or "",
        data=ledger.data.get(figure.data or "", figure.data or ""),
    )

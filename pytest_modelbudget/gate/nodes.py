"""What pytest collects: a budget file and its variants. Their items are in ``limit_items.py``."""

import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.errors import BudgetFileError, ModelBudgetError, Problem, not_utf8
from pytest_modelbudget.gate.limit_items import FigureItem, LimitItem, label
from pytest_modelbudget.gate.rootdir import rootdir_with_reason
from pytest_modelbudget.gate.shipping import SHIPPING, Shipping, collected_variants
from pytest_modelbudget.ledger.accepted_budgets import with_accepted
from pytest_modelbudget.protocol.named_code import NamedCode, import_folder
from pytest_modelbudget.report.annotations import of_problems
from pytest_modelbudget.report.record import CollectedVariant


class BudgetFile(pytest.File):
    """A ``*.budget.yaml``.

    Args:
        collected: The variants of all budget files, as keys; those of this file are added.
        artifacts: The directory that artifacts are copied to, if any.
        judged: Whether limits are judged, and not only figures measured.
        path: The file.
        parent: The collector of its directory.
    """

    def __init__(
        self,
        *,
        collected: dict[CollectedVariant, None],
        artifacts: Path | None,
        judged: bool,
        path: Path,
        parent: pytest.Collector,
        **arguments: Any,
    ) -> None:
        super().__init__(path=path, parent=parent, **arguments)
        self._problems: tuple[Problem, ...] = ()
        self._collected = collected
        self._artifacts = artifacts
        self._judged = judged

    def collect(self) -> Iterator["VariantNode | LimitItem"]:
        """Yield the variants, or the limits of a file without ``variants``."""
        if problem := not_utf8(self.path):
            raise self.CollectError(problem)
        try:
            budgets = load(self.path, self._code(), judged=self._judged)
            budgets = with_accepted(budgets, self.path)
        except BudgetFileError as error:
            self._problems = error.problems
            raise self.CollectError(str(error)) from error
        self._check_shipping(budgets)
        self._collected.update(dict.fromkeys(collected_variants(budgets, label(self))))
        for budget in budgets:
            if budget.variant is None:
                yield from _items(self, budget)
            else:
                yield VariantNode.from_parent(self, name=budget.variant, budget=budget)

    def mistakes(self) -> list[dict[str, Any]]:
        """Return what is wrong in the file, once it was collected, as annotations."""
        return [dataclasses.asdict(each) for each in of_problems(self._problems)]

    def _code(self) -> NamedCode:
        root = self.config.rootpath
        places = [import_folder(self.path), *map(os.path.abspath, sys.path), str(root)]
        return NamedCode(places, root, rootdir_with_reason(self.config))

    def _check_shipping(self, budgets: Sequence[Budget]) -> None:
        if self._artifacts is None:
            return
        try:
            shipping = self.config.stash.setdefault(SHIPPING, Shipping(self._artifacts))
            shipping.check(budgets, label(self))
        except ModelBudgetError as error:
            raise self.CollectError(str(error)) from error


class VariantNode(pytest.Collector):
    """One entry of ``variants``."""

    def __init__(self, *, budget: Budget, name: str, parent: pytest.Collector) -> None:
        super().__init__(name, parent)
        self.budget = budget

    def collect(self) -> Iterator["LimitItem"]:
        """Yield one item for each limit."""
        return _items(self, self.budget)


def _items(parent: pytest.Collector, budget: Budget) -> Iterator[LimitItem]:
    for limit in budget.limits:
        kind = FigureItem if limit.figure else LimitItem
        yield kind.from_parent(parent, name=limit.item_name, budget=budget, limit=limit)

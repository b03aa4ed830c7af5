"""How many variants ``modelbudget init`` has still to measure, and about how long that takes."""

import time
from collections.abc import Sequence

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.units.format import format_wait


class TimeLeft:
    """An estimate from the variants so far; those that train have a time of their own.

    Args:
        budgets: What is measured, in this order, from now on.
        training_s: How long those that train may take in all.
    """

    def __init__(self, budgets: Sequence[Budget], training_s: float) -> None:
        self._trains = [any(each.stage.trains for each in budget.recipe) for budget in budgets]
        self._planned = len(budgets)
        self._training_left_s = training_s
        self._took_s: list[float] = []
        self._began_s = time.monotonic()

    def next(self) -> None:
        """Note that a variant is done, and that the next one begins."""
        elapsed_s = self._elapsed_s()
        self._began_s += elapsed_s
        if self._trains.pop(0):
            self._training_left_s -= elapsed_s
        else:
            self._took_s.append(elapsed_s)

    def text(self) -> str:
        """Return such as ``3 of 6 left, about 40 s``; ``up to 5 min`` if some of them train.

        The time is missing until a variant is done, and once the estimate is used up.
        """
        count = f"{len(self._trains)} of {self._planned} left"
        others = self._trains.count(False)
        if others and not self._took_s:
            return count
        each_s = sum(self._took_s) / max(len(self._took_s), 1)
        training_s = self._training_left_s if any(self._trains) else 0.0
        left_s = others * each_s + training_s - self._elapsed_s()
        if left_s <= 0:
            return count
        return f"{count}, {'up to' if any(self._trains) else 'about'} {format_wait(left_s)}"

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

"""Checks of ``--budget-artifacts`` at collection: before anything is built."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.budgetfile.types import FileSource
from pytest_modelbudget.errors import ModelBudgetError, as_seen
from pytest_modelbudget.judge.results.artifact_forms import Form
from pytest_modelbudget.report.artifacts import check_directory
from pytest_modelbudget.report.record import CollectedVariant


class Shipping:
    """What one session would copy to ``directory``, an absolute path.

    Attributes:
        is_refused: Whether a check failed, so that no limit may run.
    """

    def __init__(self, directory: Path) -> None:
        self.is_refused = False
        self._directory = directory
        self._owners: dict[str, CollectedVariant] = {}

    def check(self, budgets: Sequence[Budget], label: str) -> None:
        """Check that the artifacts of one budget file can be copied.

        Args:
            budgets: The variants of the file.
            label: What reports call the file.

        Raises:
            ModelBudgetError: If the directory cannot be written (only for the first file), if an
                artifact would have the name of another, or if it would replace a file that the
                budget file reads.
        """
        is_first = not self._owners
        variants = collected_variants(budgets, label)
        problems = [self._problem(*both) for both in zip(budgets, variants, strict=True)]
        try:
            if is_first:
                check_directory(self._directory)
            if any(problems):
                raise ModelBudgetError("\n".join(filter(None, problems)))
        except ModelBudgetError:
            self.is_refused = True
            raise

    def _problem(self, budget: Budget, variant: CollectedVariant) -> str:
        target = self._directory / variant.artifact_name
        copied = f"{budget.span}: its artifact would be copied to {as_seen(target)}"
        owner = self._owners.setdefault(variant.artifact_name, variant)
        if (owner.path, owner.variant) != (variant.path, variant.variant):
            place = f"{as_seen(Path(owner.path))} {owner.variant}".rstrip()
            return f"{copied}, and so would that of {place}; rename one of them"
        # A SavedModel is a folder, and so is what it replaces.
        if any({target.resolve()} & {path, *path.parents} for path in _files_read(budget)):
            hint = "name another directory with --budget-artifacts=DIR"
            return f"{copied}, which this budget file reads; {hint}"
        return ""


SHIPPING = pytest.StashKey[Shipping]()


def collected_variants(budgets: Iterable[Budget], label: str) -> list[CollectedVariant]:
    """Return the variants of the budget file that reports call ``label``."""
    return [
        CollectedVariant(
            budget=label,
            variant=budget.variant or "",
            path=str(budget.span.path),
            limits=tuple(limit.item_name for limit in budget.limits),
            form=_form(budget),
        )
        for budget in budgets
    ]


def _form(budget: Budget) -> Form:
    """Return what the recipe ends in: a ``.tflite``, unless a stage makes something else."""
    made = budget.recipe[-1].stage.makes if budget.recipe else None
    return made or "the .tflite"


def _files_read(budget: Budget) -> set[Path]:
    data = budget.data
    sources = [budget.model, budget.baseline, data.train, data.test, data.calibration]
    return {source.path.resolve() for source in sources if isinstance(source, FileSource)}

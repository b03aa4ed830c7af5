"""Mutated budget files: each is loaded and planned, or refused with places."""

import shutil
from pathlib import Path

from benchmarks.fuzz.cases import Tally, attempt, random_of
from benchmarks.fuzz.mutations import ROOT, budget_texts, mutate_text
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.engine.planner import Planner
from pytest_modelbudget.errors import BudgetFileError, ModelBudgetError
from pytest_modelbudget.protocol.project import Project


class Budgets:
    """A project, and its budget file that changes from case to case.

    Args:
        folder: An empty folder.
        seed: Of all cases.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally = Tally()
        self._seed = seed
        self._path = folder / "fuzzed.budget.yaml"
        self._texts = budget_texts()
        self._project = Project(rootdir=folder, sys_path=(str(folder),))
        for file in (ROOT / "tests" / "models").glob("blobs.*"):
            shutil.copy(file, folder)

    def seeds(self) -> list[bytes]:
        """Return what the mutants are made from."""
        return [text.encode() for text in self._texts]

    def mutant(self, case: int) -> bytes:
        """Return the content of the budget file of a case."""
        random = random_of(self._seed, case)
        return mutate_text(random.choice(self._texts), self._texts, random)

    def run(self, case: int) -> None:
        """Load a mutant, and plan its variants as a session would."""
        self.run_content(case, self.mutant(case))

    def run_content(self, case: int, content: bytes) -> None:
        """Load and plan any budget file."""
        self._path.write_bytes(content)
        attempt(self.tally, case, self._load, BudgetFileError)

    def _load(self) -> str:
        try:
            budgets = load(self._path)
        except BudgetFileError as refusal:
            if not str(refusal).startswith(str(refusal.problems[0].span)):
                raise ValueError("the refusal does not begin with a place") from refusal
            raise
        planner = Planner(self._project)
        for budget in budgets:
            assert budget.limits, "a variant without a limit"
            try:
                planner.plan(budget)
            except (ModelBudgetError, OSError):  # as ``Pipeline`` does
                continue
        return "loaded"

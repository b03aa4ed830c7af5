"""Everything that this package raises on purpose."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_modelbudget.budgetfile.types import Span


class ModelBudgetError(Exception):
    """The root: its text is meant for the user, without a traceback."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a budget file: where, what is wrong, and what to write instead."""

    span: "Span"
    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        parts = [str(self.span), self.where, self.what]
        text = ": ".join(part for part in parts if part)
        return f"{text}; {self.hint}" if self.hint else text


class BudgetFileError(ModelBudgetError):
    """A budget file that cannot be used, with every problem in it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class JobError(ModelBudgetError):
    """What stops a job inside a worker, and what the user can do about it.

    ``stage`` is the index of the one it is about, where a job has several.
    """

    def __init__(self, cause: str, hint: str = "", stage: int = 0) -> None:
        self.cause = cause
        self.hint = hint
        self.stage = stage
        super().__init__(f"{cause}; {hint}" if hint else cause)

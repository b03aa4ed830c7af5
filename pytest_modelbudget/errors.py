"""Everything that this package raises on purpose, and the places that it names."""

import os
from dataclasses import dataclass
from pathlib import Path


class ModelBudgetError(Exception):
    """The root: its text is meant for the user, without a traceback."""


def as_seen(path: Path) -> str:
    """Return ``path`` relative to the working directory if it lies below it, as compilers do."""
    here = os.getcwd()
    return str(path).removeprefix(os.path.join(here, "")) if str(path) != here else "."


def not_utf8(path: object) -> str:
    """Return the error of a path that is not UTF-8, which JSON cannot express; else nothing."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return f"{str(path)!a} is not UTF-8; rename the folder or file"
    return ""


@dataclass(frozen=True, order=True)
class Span:
    """A place in a budget file; ``line`` and ``column`` count from 1."""

    path: Path
    line: int
    column: int

    def __str__(self) -> str:
        """Return the place with the path as seen from the working directory."""
        return f"{as_seen(self.path)}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One mistake in a budget file: where, what is wrong, and what to write instead."""

    span: Span
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


class SourceChangedError(JobError):
    """A file that was changed while a job read it: the same job may succeed later."""

"""What went wrong, at the place in the budget file where a reviewer sees it.

``::error`` lines for GitHub, and the entries of GitLab's code quality report.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbudget.errors import Problem
from pytest_modelbudget.report.failure_text import explain
from pytest_modelbudget.report.row import Row


@dataclass(frozen=True)
class Annotation:
    """A message at a place in a budget file.

    Attributes:
        path: The file, relative to the repository if it lies in one.
        line: From 1.
        column: From 1.
        check: What failed: the name of a limit, or ``budget-file``.
        subject: The budget file and the variant, as in the reports.
        text: The whole message; its first line alone says what is wrong.
        key: Identifies it among those of the file; it is the same in every session.
    """

    path: str
    line: int
    column: int
    check: str
    subject: str
    text: str
    key: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.text}"

    def github_command(self) -> str:
        """Return the line on which GitHub Actions annotates the file.

        https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
        """
        values = {
            "file": self.path,
            "line": str(self.line),
            "col": str(self.column),
            "title": f"{self.subject} {self.check}",
        }
        properties = ",".join(f"{name}={_property(value)}" for name, value in values.items())
        return f"::error {properties}::{_data(self.text)}"


def of_rows(rows: Iterable[Row]) -> Iterator[Annotation]:
    """Yield one annotation for each limit that failed."""
    for row in rows:
        if not row.holds:
            path, line, column = row.place.rsplit(":", 2)
            place = _in_repository(Path(path)), int(line), int(column)
            key = f"{row.subject} {row.name}"
            yield Annotation(*place, row.name, row.subject, explain(row), key)


def of_problems(problems: Iterable[Problem]) -> Iterator[Annotation]:
    """Yield one annotation for each mistake in a budget file."""
    for problem in problems:
        path, span = _in_repository(problem.span.path), problem.span
        text = str(problem).removeprefix(f"{span}: ")
        yield Annotation(path, span.line, span.column, "budget-file", path, text, key=text)


def _in_repository(path: Path) -> str:
    """Return ``path`` relative to the repository that it lies in, as GitHub and GitLab want it."""
    whole = Path.cwd() / path
    root = next((each for each in whole.parents if (each / ".git").exists()), Path.cwd())
    return str(whole.relative_to(root) if whole.is_relative_to(root) else whole)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

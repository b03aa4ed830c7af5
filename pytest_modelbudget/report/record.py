"""What a session collected and judged, from which the files of reports are made."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Self

from pytest_modelbudget.judge.details import VariantDetails
from pytest_modelbudget.judge.results.artifact_forms import SUFFIXES, Form
from pytest_modelbudget.report.annotations import Annotation
from pytest_modelbudget.report.row import Row


@dataclass(frozen=True)
class CollectedVariant:
    """One variant of a budget file that pytest collected, whether its limits were selected or not.

    Attributes:
        budget: The budget file, as in ``Row.budget``.
        variant: Its name; empty where the file has no ``variants``.
        path: The absolute path of the budget file; empty if it is not known.
        limits: The names of all its limits; empty if they are not known.
        form: What its recipe ends in.
    """

    budget: str
    variant: str
    path: str = ""
    limits: tuple[str, ...] = ()
    form: Form = "the .tflite"

    def __str__(self) -> str:
        return f"{self.budget} {self.variant}".rstrip()

    @property
    def artifact_name(self) -> str:
        """The name that its artifact is copied under, such as ``budgets/digits.int8.tflite``."""
        return self._name(self.form)

    @property
    def other_names(self) -> list[str]:
        """The names under which an earlier recipe of it would have been copied."""
        return [self._name(form) for form in SUFFIXES if form != self.form]

    def _name(self, form: Form) -> str:
        file = PurePosixPath(self.budget)
        stem = file.name.rpartition(".budget.")[0] or file.name
        name = ".".join(filter(None, [stem, self.variant]))
        return str(file.with_name(f"{name}{SUFFIXES[form]}"))

    def left_out(self, rows: Sequence[Row]) -> list[str]:
        """Return the names of the limits that ``rows`` lack."""
        ran = {row.name for row in rows}
        return [name for name in self.limits if name not in ran]


@dataclass(frozen=True)
class Record:
    """The results of one session.

    Attributes:
        rows: One for each limit that ran, in the order in which they arrived.
        collected: All variants of the budget files that were collected. It is empty if xdist
            workers collected them and all of these crashed or were stopped.
        details: What is known of each variant beside its limits, by budget file and variant; empty
            if no report shows it.
        mistakes: What is wrong in budget files that could not be collected.
        is_judged: Whether limits were judged, and not only figures measured.
    """

    rows: tuple[Row, ...]
    collected: tuple[CollectedVariant, ...]
    details: Mapping[tuple[str, str], VariantDetails] = field(default_factory=dict)
    mistakes: tuple[Annotation, ...] = ()
    is_judged: bool = True

    def judged(self) -> dict[CollectedVariant, list[Row]]:
        """Return the rows of each variant of which at least one limit ran."""
        known = {(each.budget, each.variant): each for each in self.collected}
        judged: dict[CollectedVariant, list[Row]] = defaultdict(list)
        for row in self.rows:
            subject = row.budget, row.variant
            judged[known.get(subject) or CollectedVariant(*subject)].append(row)
        return judged

    def of_budget_file(self, path: str) -> Self:
        """Return the results of the variants that were collected from the budget file ``path``."""
        collected = tuple(each for each in self.collected if each.path == path)
        own = {(each.budget, each.variant) for each in collected}
        rows = tuple(row for row in self.rows if (row.budget, row.variant) in own)
        return replace(self, rows=rows, collected=collected, mistakes=())

    def is_whole(self) -> bool:
        """Return whether every limit of every budget file ran."""
        judged = self.judged()
        return (
            bool(self.collected)
            and not self.mistakes
            and not any(each.left_out(judged.get(each, [])) for each in self.collected)
        )


def joined_details(
    found: Iterable[tuple[tuple[str, str], str]],
) -> dict[tuple[str, str], VariantDetails]:
    """Join what several limits, or several xdist workers, have found out about each variant.

    Args:
        found: The budget file and variant, with ``VariantDetails`` as JSON.
    """
    joined: dict[tuple[str, str], VariantDetails] = {}
    for variant, text in found:
        before = joined.get(variant, VariantDetails())
        joined[variant] = before.with_those_of(VariantDetails.model_validate_json(text))
    return joined

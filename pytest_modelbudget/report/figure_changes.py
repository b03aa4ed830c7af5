"""The figures that differ from what was accepted, as all reports show them."""

from collections.abc import Iterable
from dataclasses import dataclass

from pytest_modelbudget.report.row import Row
from pytest_modelbudget.report.row_text import figure_change


@dataclass(frozen=True)
class FigureChange:
    """One figure of one variant; all but the first three as text.

    Attributes:
        budget: As in ``Row.budget``.
        variant: Its name; empty where the file has no ``variants``.
        figure: A key of ``FIGURES``, such as ``bytes``.
        accepted: What the ledger has.
        measured: What it is now.
        change: From one to the other.
        grew_most: The tensor that grew most, or ``not known``; empty if no tensor explains it.
    """

    budget: str
    variant: str
    figure: str
    accepted: str
    measured: str
    change: str
    grew_most: str

    @property
    def subject(self) -> str:
        """The budget file and the variant, as reports name them."""
        return f"{self.budget} {self.variant}".rstrip()


def figure_changes(rows: Iterable[Row]) -> list[FigureChange]:
    """Return what changed, variant by variant; a figure once, whatever limits are about it."""
    variants: dict[tuple[str, str], dict[str, FigureChange]] = {}
    for row in rows:
        subject = row.budget, row.variant
        if change := figure_change(row):
            figures = variants.setdefault(subject, {})
            known = figures.get(row.figure)
            grew_most = row.grew_most or (known.grew_most if known else "")
            figures[row.figure] = FigureChange(*subject, row.figure, *change, grew_most)
    return [change for figures in variants.values() for change in figures.values()]

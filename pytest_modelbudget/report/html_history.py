"""What the HTML page shows of the figures that were accepted before."""

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_modelbudget.judge.limits import FIGURES
from pytest_modelbudget.ledger.ledger_file import UNNAMED, split_key
from pytest_modelbudget.ledger.ledger_history import CommittedLedger
from pytest_modelbudget.units.format import format_bytes, format_figure


@dataclass(frozen=True)
class AcceptedPoint:
    """A figure as one commit has it: in its base unit, and as text."""

    value: float
    text: str


@dataclass(frozen=True)
class VariantHistory:
    """The accepted figures of one variant.

    Attributes:
        figures: Their names.
        commits: The date and hash of each commit that changed one of them, the oldest first.
        points: For each commit one point a figure; None where the ledger did not have it.
    """

    figures: tuple[str, ...]
    commits: tuple[str, ...]
    points: tuple[tuple[AcceptedPoint | None, ...], ...]


def variant_history(ledgers: Sequence[CommittedLedger], variant: str) -> VariantHistory | None:
    """Return what ``ledgers`` have of a variant; None if it never changed.

    Args:
        ledgers: The oldest first.
        variant: Its name; empty where the file has no ``variants``.
    """
    found: list[tuple[str, dict[str, float]]] = []
    for each in ledgers:
        own = each.ledger.variants.get(variant or UNNAMED)
        figures = own.figures if own else {}
        values = {
            name: figure.accepted
            for name, figure in figures.items()
            if split_key(name)[0] in FIGURES
        }
        if values and (not found or found[-1][1] != values):
            found.append((f"{each.date} {each.commit}", values))
    if len(found) < 2:
        return None
    names = tuple(dict.fromkeys(name for _, values in found for name in values))
    points = tuple(tuple(_point(name, values) for name in names) for _, values in found)
    return VariantHistory(names, tuple(commit for commit, _ in found), points)


def figure_text(name: str, value: float) -> str:
    """Return a figure as text: bytes in full, so that small changes show."""
    base = FIGURES[name].base_unit
    return format_bytes(value) if base == "bytes" else format_figure(value, base)


def _point(name: str, values: dict[str, float]) -> AcceptedPoint | None:
    if name not in values:
        return None
    return AcceptedPoint(values[name], figure_text(split_key(name)[0], values[name]))

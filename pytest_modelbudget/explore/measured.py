"""What was measured of variants: typed rows, as a table in a terminal and in a notebook."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import overload

from pytest_modelbudget.errors import as_seen
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.report.row_text import amounts


@dataclass(frozen=True)
class MeasuredVariant:
    """One variant and its figures.

    Attributes:
        name: As in the budget file; empty where the file has no ``variants``.
        rows: One for each figure, by its name such as ``bytes``.
        why_not: Why it was not measured; empty if it was.
        higher_is_better: Of its ``accuracy``, which may be an error.
    """

    name: str
    rows: tuple[Row, ...] = ()
    why_not: str = ""
    higher_is_better: bool = True

    @property
    def float_score(self) -> float | None:
        """The score of the float model; None if no drop was measured."""
        score, drop = self.value("accuracy"), self.value("accuracy_drop")
        if score is None or drop is None:
            return None
        return score + drop if self.higher_is_better else score - drop

    def row(self, figure: str) -> Row | None:
        """Return the row of a figure, if it was measured."""
        found = (row for row in self.rows if row.name == figure and row.outcome == "measured")
        return next(found, None)

    def unmeasured(self) -> list[Row]:
        """Return the figures that could not be measured although the variant was; see ``how``."""
        return [] if self.why_not else [row for row in self.rows if row.outcome != "measured"]

    def without_places_in(self, file: Path) -> "MeasuredVariant":
        """Return the variant without places in a budget file that is not written yet."""
        place = re.compile(rf"{re.escape(as_seen(file))}:\d+:\d+: ")
        rows = tuple(replace(row, how=place.sub("", row.how)) for row in self.rows)
        return replace(self, rows=rows, why_not=place.sub("", self.why_not))

    def value(self, figure: str) -> float | None:
        """Return a figure in its base unit (bytes, seconds, ...); None if it was not measured."""
        row = self.row(figure)
        return row.measured if row else None

    def shown(self, figure: str) -> str:
        """Return a figure as people write it, with its interval; empty if it was not measured."""
        row = self.row(figure)
        return amounts(row)[0] if row else ""


class MeasuredVariants(Sequence[MeasuredVariant]):
    """All variants of one budget file; the last line of a notebook cell shows it as a table."""

    def __init__(self, variants: Sequence[MeasuredVariant]) -> None:
        self._variants = tuple(variants)

    @overload
    def __getitem__(self, index: int) -> MeasuredVariant: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[MeasuredVariant]: ...

    def __getitem__(self, index: int | slice) -> MeasuredVariant | Sequence[MeasuredVariant]:
        """Return one variant, or some of them, in the order of the budget file."""
        return self._variants[index]

    def __len__(self) -> int:
        """Return the number of variants."""
        return len(self._variants)

    def figures(self) -> list[str]:
        """Return the names of all figures that were measured of some variant."""
        names = (row.name for each in self for row in each.rows if row.outcome == "measured")
        return list(dict.fromkeys(names))

    def __repr__(self) -> str:
        rows = list(self._cells())
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head, *body = (list(map(escape, row)) for row in self._cells())
        lines = [f"<tr><th>{'</th><th>'.join(head)}</th></tr>"]
        lines += [f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in body]
        return f"<table>{''.join(lines)}</table>"

    def _cells(self) -> Iterator[list[str]]:
        names = self.figures()
        why = ["why not"] if any(each.why_not for each in self) else []
        yield ["variant", *names, *why]
        for each in self:
            yield [each.name, *map(each.shown, names), *([each.why_not] if why else [])]

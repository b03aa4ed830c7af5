"""A table that fits into the width of a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

GAP = "  "
_LEAST_LABEL = 24


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        head: Its title.
        cells: One for each row.
        is_right: Whether its cells are aligned to the right, as numbers are.
        rank: If the table is too wide, the column with the highest rank is left out first, 0 never.
    """

    head: str
    cells: Sequence[str]
    is_right: bool = True
    rank: int = 0

    @property
    def width(self) -> int:
        """The characters of its longest cell."""
        return max(map(len, (self.head, *self.cells)))


def fitted(columns: Sequence[Column], labels: Column, width: int) -> Iterator[str]:
    """Yield the lines of a table: its head and its rows, each with its label at the end.

    Args:
        columns: Those before the labels; empty ones are left out.
        labels: The last column; its labels are shortened if the table is still too wide.
        width: The characters of a line.
    """
    shown = [column for column in columns if any(column.cells)]
    wanted = min(labels.width, _LEAST_LABEL)
    while _taken(shown) + wanted > width and any(column.rank for column in shown):
        shown.remove(max(shown, key=lambda column: column.rank))
    room = max(width - _taken(shown), 1)
    for row in range(-1, len(labels.cells)):
        cells = [_cell(column, row) for column in shown]
        yield GAP.join([*cells, shortened(_text(labels, row), room)]).rstrip()


def shortened(text: str, width: int) -> str:
    """Return a text of at most ``width`` characters, without its middle if it is longer."""
    if len(text) <= width:
        return text
    start = (width - 1) // 2
    end = width - 1 - start
    return f"{text[:start]}…{text[len(text) - end :]}"


def _taken(columns: Sequence[Column]) -> int:
    return sum(column.width + len(GAP) for column in columns)


def _cell(column: Column, row: int) -> str:
    text = _text(column, row)
    return text.rjust(column.width) if column.is_right else text.ljust(column.width)


def _text(column: Column, row: int) -> str:
    return column.head if row < 0 else column.cells[row]

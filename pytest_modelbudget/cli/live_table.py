"""A table whose rows are printed as they come, above one line of progress."""

import os
import shutil
import sys
from collections.abc import Sequence

from pytest_modelbudget.explore.measured import MeasuredVariant
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.report.row_text import amounts
from pytest_modelbudget.units.format import format_value

_CLEAR = "\r\x1b[K"
_NARROW = 136  # columns, below which only the score has its interval, and only a short one
_HEAD = ("", "bytes", "gzip", "score", "drop", "latency")
_WIDTHS = (0, 8, 8, 22, 12, 8)
_WIDE = (0, 8, 8, 28, 40, 24)


class LiveTable:
    """The table of ``modelbudget init``; plain lines in a pipe, and there no progress.

    Args:
        names: Of all variants that may come.
        score: The name of the metric; empty without test data.
    """

    def __init__(self, names: Sequence[str], score: str) -> None:
        self._width = int(os.environ.get("COLUMNS") or 0) or shutil.get_terminal_size().columns
        self._is_wide = self._width >= _NARROW
        first = max(map(len, names), default=0)
        self._widths = (first, *(_WIDE if self._is_wide else _WIDTHS)[1:])
        self._score = score
        self._has_head = False

    def add(self, variant: MeasuredVariant) -> None:
        """Print the row of a variant; the head comes before the first."""
        if not self._has_head:
            self._has_head = True
            self._print(tuple(self._score if name == "score" else name for name in _HEAD))
        if variant.why_not:
            self.say(f"{variant.name:<{self._widths[0]}}  not measured: {variant.why_not}")
        else:
            self._print((variant.name, *self._cells(variant)))

    def say(self, line: str) -> None:
        """Print a line above the progress."""
        self.progress("")
        print(line, flush=True)

    def progress(self, text: str) -> None:
        """Show what runs now, if standard error is a terminal."""
        if sys.stderr.isatty():
            sys.stderr.write(f"{_CLEAR}{text[: self._width - 1]}")
            sys.stderr.flush()

    def _cells(self, variant: MeasuredVariant) -> tuple[str, ...]:
        score = variant.shown("accuracy") if self._score else ""
        if len(score) > self._widths[3]:
            score = _shown(variant.row("accuracy"), has_interval=False)
        others = [variant.row(name) for name in ("accuracy_drop", "latency")]
        drop, latency = (_shown(row, self._is_wide) for row in others)
        return variant.shown("bytes"), variant.shown("gzip_bytes"), score, drop, latency

    def _print(self, cells: Sequence[str]) -> None:
        name, *figures = cells
        gap = "  " if self._is_wide else " "
        padded = (cell.rjust(width) for cell, width in zip(figures, self._widths[1:], strict=True))
        self.say(gap.join([name.ljust(self._widths[0]), *padded]).rstrip())


def _shown(row: Row | None, has_interval: bool) -> str:
    if row is None or row.measured is None or not row.unit:
        return ""
    if has_interval:
        return amounts(row)[0]
    return format_value(row.measured, row.unit, row.written_unit)

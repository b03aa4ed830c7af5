"""What ``modelbudget init`` shows: a table that fills, or one JSON record for each result."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from pytest_modelbudget.cli.live_table import LiveTable
from pytest_modelbudget.cli.time_left import TimeLeft
from pytest_modelbudget.errors import as_seen
from pytest_modelbudget.explore.first_budget import Start, by_reason
from pytest_modelbudget.explore.measured import MeasuredVariant

STOPPED = "interrupted: nothing was written; run the same command again to continue"


class Watcher(Protocol):
    """Shows the progress of a measurement."""

    def watch(self, running: str) -> None:
        """Show what runs now; nothing if it is empty."""

    def begin(self, start: Start) -> None:
        """Show what will be measured, and what not and why."""

    def add(self, variant: MeasuredVariant) -> None:
        """Show a variant that was measured."""

    def written(self, file: Path, variants: Sequence[str]) -> None:
        """Show which file was written, and the names of its variants."""

    def interrupted(self) -> None:
        """Show that nothing was written, and how to continue."""


class TableOutput:
    """For people: a table, and below it one line of progress in a terminal.

    Args:
        training_s: How long the presets that train may take.
    """

    def __init__(self, training_s: float) -> None:
        self._table = LiveTable((), "")
        self._training_s = training_s
        self._left: TimeLeft | None = None

    def watch(self, running: str) -> None:
        """Show how many presets are left and about how long they take, and what runs now."""
        left = f"{self._left.text()}: " if self._left and running else ""
        self._table.progress(f"{left}{running}")

    def begin(self, start: Start) -> None:
        """Print the metric, and the presets that are skipped."""
        names = [budget.variant or "" for budget in start.budgets]
        self._table = LiveTable(names, start.request.metric)
        self._left = TimeLeft(start.budgets, self._training_s)
        if start.guess:
            self._table.say(f"metric: {start.request.metric} (--metric names another)")
            self._table.say(f"  guessed from {start.guess}")
        if "test" not in start.request.data:
            self._table.say("without --test, no score is measured")
        for why, presets in by_reason(start.skipped).items():
            self._table.say(f"skipped: {', '.join(presets)}: {why}")

    def add(self, variant: MeasuredVariant) -> None:
        """Print the row of a variant."""
        if self._left:
            self._left.next()
        self._table.add(variant)
        for row in variant.unmeasured():
            self._table.say(f"  {row.name} not measured: {row.how}")

    def written(self, file: Path, variants: Sequence[str]) -> None:
        """Print the last line."""
        self._table.say(f"{as_seen(file)} has {', '.join(variants)}; now run pytest")

    def interrupted(self) -> None:
        """Print the last line."""
        self._table.say(STOPPED)


class RecordOutput:
    """For programs: one line of JSON for each result, and one at the end."""

    def watch(self, running: str) -> None:
        """Show nothing: a record is a result."""

    def begin(self, start: Start) -> None:
        """Print the metric, and the presets that are skipped."""
        _print(metric=start.request.metric, guessed_from=start.guess, skipped=dict(start.skipped))

    def add(self, variant: MeasuredVariant) -> None:
        """Print the figures of a variant, in base units: bytes, seconds, the metric's own."""
        figures = {
            row.name: {
                "measured": row.measured,
                "low": row.low,
                "high": row.high,
                "unit": row.unit,
                "how": row.how,
            }
            for row in variant.rows
        }
        _print(variant=variant.name, why_not=variant.why_not, figures=figures)

    def written(self, file: Path, variants: Sequence[str]) -> None:
        """Print what was written."""
        _print(file=str(file), variants=list(variants))

    def interrupted(self) -> None:
        """Print that nothing was written."""
        _print(file=None, message=STOPPED)


def _print(**record: Any) -> None:
    print(json.dumps(record), flush=True)

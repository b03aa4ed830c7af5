"""The status line: what runs while a test waits for a build or a measurement."""

import time
from contextlib import nullcontext
from types import TracebackType

import pytest

from pytest_modelbudget.engine.pipeline import Pipeline
from pytest_modelbudget.engine.task_status import status_text

LINE_EVERY_S = 30.0  # without a terminal
SAVE, RESTORE, CLEAR = "\x1b7", "\x1b8", "\x1b[K"
DOWN, UP = "\x1bD", "\x1bM"  # keep the column; DOWN scrolls at the bottom of the screen
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"


class StatusLine:
    """Shows the running tasks: below the cursor of a terminal, else as a line every 30 s.

    Args:
        config: pytest's configuration.
        pipeline: Its running tasks are shown.
    """

    def __init__(self, config: pytest.Config, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        plugins = config.pluginmanager
        # An xdist worker has a reporter too, and its output would corrupt the channel.
        is_worker = hasattr(config, "workerinput")
        self._reporter = None if is_worker else plugins.get_plugin("terminalreporter")
        capture = plugins.get_plugin("capturemanager")
        self._uncaptured = capture.global_and_fixture_disabled if capture else nullcontext
        self._is_drawn = False
        self._last_line_s = time.monotonic()

    def __enter__(self) -> None:
        self._last_line_s = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_drawn:
            self._draw("")

    def show(self) -> None:
        """Show the running tasks, if it is time to."""
        if self._reporter is None:
            return
        planned = self._pipeline.planned_builds
        text = "; ".join(status_text(status, planned) for status in tuple(self._pipeline.running))
        # With --color=yes a log file has markup too, and no cursor.
        if self._reporter.isatty and self._reporter.hasmarkup:
            if text or self._is_drawn:
                self._draw(text)
        elif text and time.monotonic() - self._last_line_s >= LINE_EVERY_S:
            self._last_line_s = time.monotonic()
            with self._uncaptured():
                self._reporter.write_line(f"modelbudget: {text}")

    def _draw(self, text: str) -> None:
        """Replace the line below the cursor; pytest continues to write at the cursor."""
        assert self._reporter is not None, "checked in `show`"
        writer = self._reporter.config.get_terminal_writer()
        line = text if len(text) <= writer.fullwidth else f"{text[: writer.fullwidth - 3]}..."
        self._is_drawn = bool(text)
        with self._uncaptured():
            writer.write_raw(
                f"{DOWN}{UP}{SAVE}{DOWN}\r{CLEAR}{NO_WRAP}{line}{WRAP}{RESTORE}", flush=True
            )

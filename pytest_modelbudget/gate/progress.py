"""What a terminal shows while somebody waits for a build or a measurement."""

import time
from collections.abc import Iterable
from contextlib import nullcontext
from types import TracebackType

import pytest

from pytest_modelbudget.engine.task_status import TaskStatus

SPOKEN_EVERY_S = 30.0
SAVE, RESTORE, CLEAR = "\x1b7", "\x1b8", "\x1b[K"


class Waiting:
    """Shows the running tasks: in place on a terminal, else as a line now and then.

    Args:
        config: pytest's configuration.
        running: The running tasks; changed by the pipeline, read here.
    """

    def __init__(self, config: pytest.Config, running: Iterable[TaskStatus]) -> None:
        self._running = running
        # An xdist worker has a reporter too, and its output would corrupt the channel.
        silent = hasattr(config, "workerinput")
        plugins = config.pluginmanager
        self._reporter = None if silent else plugins.get_plugin("terminalreporter")
        capture = plugins.get_plugin("capturemanager")
        self._uncaptured = capture.global_and_fixture_disabled if capture else nullcontext
        self._writer = config.get_terminal_writer()
        self._shown = False
        self._spoken_s = time.monotonic()

    def __enter__(self) -> None:
        self._spoken_s = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._in_place("")
            self._shown = False

    def show(self) -> None:
        """Say what is going on now, if it is time to."""
        text = "; ".join(_describe(status) for status in tuple(self._running))
        if self._reporter is None or not text:
            return
        if self._writer.hasmarkup:
            self._in_place(text)
            self._shown = True
        elif time.monotonic() - self._spoken_s >= SPOKEN_EVERY_S:
            self._spoken_s = time.monotonic()
            with self._uncaptured():
                self._reporter.write_line(f"modelbudget: {text}")

    def _in_place(self, text: str) -> None:
        """Write behind the cursor and leave it where it was, so that pytest's line goes on."""
        room = max(0, self._writer.fullwidth - self._writer.width_of_current_line - 2)
        with self._uncaptured():
            self._writer.write_raw(f"{SAVE}{CLEAR} {text[:room]}{RESTORE}", flush=True)


def _describe(status: TaskStatus) -> str:
    parts = [status.title, status.progress]
    if status.started_s:
        parts.append(f"{status.elapsed_s():.0f} s")
    return ", ".join(part for part in parts if part)

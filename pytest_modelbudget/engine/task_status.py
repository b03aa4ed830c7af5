"""What one task of a worker process is doing now, for the terminal and for error messages."""

import time
from dataclasses import dataclass

from pytest_modelbudget.protocol.jobs import Event, Failure


@dataclass
class TaskStatus:
    """The state of one task.

    Attributes:
        title: The variant and what is done for it, such as ``int8 quantize``.
        progress: What the worker process reported last, such as ``epoch 2/5``.
        started_s: When the task began, on the clock of ``time.monotonic()``; None while it waits.
        failure: Why it failed, if the worker process reported that.
    """

    title: str
    progress: str = ""
    started_s: float | None = None
    failure: Failure | None = None

    def update(self, event: Event) -> None:
        """Record an event of the worker process."""
        self.progress = event.activity
        self.failure = event.failure
        if event.happened == "started":
            self.started_s = time.monotonic()

    def elapsed_s(self) -> float:
        """Return the seconds since the task began; 0.0 while it waits."""
        return time.monotonic() - self.started_s if self.started_s else 0.0

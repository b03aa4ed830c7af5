"""What one task of a worker process is doing now, for the terminal and for error messages."""

import re
import time
from dataclasses import dataclass, field

from pytest_modelbudget.protocol.task import Event, Failure
from pytest_modelbudget.units.format import format_wait

EPOCH = re.compile(r"epoch (\d+)/(\d+)")


@dataclass
class TaskStatus:
    """The state of one task. All times are on the clock of ``time.monotonic()``.

    Attributes:
        title: The variant and what is done for it, such as ``int8 quantize``.
        build: The number of the build in this session, from 1; None for other tasks.
        progress: What the worker process reported last, such as ``epoch 2/5``.
        started_s: When the task began; None while it waits.
        failure: Why it failed, if the worker process or the end of its fork server reported that.
    """

    title: str
    build: int | None = None
    progress: str = ""
    started_s: float | None = None
    failure: Failure | None = None
    _epochs: int = 0
    _epoch_began_s: dict[int, float] = field(default_factory=dict)

    def update(self, event: Event) -> None:
        """Record an event of the worker process."""
        self.progress = event.activity
        self.failure = event.failure
        if event.happened == "started":
            self.started_s = time.monotonic()
        if epoch := EPOCH.match(event.activity):
            self._epochs = int(epoch[2])
            self._epoch_began_s.setdefault(int(epoch[1]), time.monotonic())
        else:
            self._epoch_began_s.clear()

    def elapsed_s(self) -> float:
        """Return the seconds since the task began; 0.0 while it waits."""
        return time.monotonic() - self.started_s if self.started_s else 0.0

    def training_left_s(self) -> float | None:
        """Return the estimated seconds until the last epoch ends, from the epochs so far.

        Returns:
            None if nothing is being trained, no epoch has ended yet, or the estimate is used up.
        """
        if len(self._epoch_began_s) < 2:
            return None
        first, last = min(self._epoch_began_s), max(self._epoch_began_s)
        began_s = self._epoch_began_s[last]
        epoch_s = (began_s - self._epoch_began_s[first]) / (last - first)
        left_s = began_s + epoch_s * (self._epochs - last + 1) - time.monotonic()
        return left_s if left_s > 0 else None


def status_text(status: TaskStatus, planned_builds: int) -> str:
    """Return one line on a running task.

    For example ``build 3/12: int8 prune, epoch 2/5, loss 0.31, 12 s, about 18 s of training left``.
    """
    number = f"build {status.build}/{planned_builds}: " if status.build else ""
    text = f"{number}{activity_text(status)}"
    if (left_s := status.training_left_s()) is not None:
        return f"{text}, about {format_wait(left_s)} of training left"
    return text


def activity_text(status: TaskStatus) -> str:
    """Return what a task does, and for how long: ``int8 prune, epoch 2/5, loss 0.31, 12 s``."""
    parts = [status.title, status.progress]
    if status.started_s is not None:
        parts.append(format_wait(status.elapsed_s()))
    return ", ".join(part for part in parts if part)

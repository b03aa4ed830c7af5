"""A task as a worker process gets it, and what the process reports while it runs.

Each type is written as JSON. The file of a task also repeats a failure by hand.
"""

from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import BeforeValidator, ConfigDict

from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.protocol.jobs import Job

TASK, RESULT, LOG = "task.json", "result.json", "log.txt"
"""The files that a worker process reads and writes: its task, its result, its output."""

Happening = Literal["ready", "waiting", "started", "progress", "done", "failed", "exited"]


def _escaped(text: str) -> str:
    """Return ``text`` with escapes for lone surrogates, which JSON in UTF-8 cannot express."""
    return text.encode(errors="backslashreplace").decode()


UserText = Annotated[str, BeforeValidator(_escaped)]
"""Text that may come from an exception of the user's code."""


class Progress(Protocol):
    """A function that a worker process calls with its activity, such as ``epoch 2/5``."""

    def __call__(self, activity: str) -> None:
        """Report ``activity`` to the parent process."""


class MemoryLimit(Frozen):
    """How much memory a worker process may use, with all processes that it starts.

    Attributes:
        limit_bytes: The limit in bytes.
        shown: The limit in messages, such as ``4 GB``.
    """

    limit_bytes: int
    shown: str


class Task(Frozen):
    """One job as a worker process gets it, from the file ``task.json`` in a folder of its own.

    Attributes:
        key: Where in the store its result goes; empty if it is not kept.
        store: The cache directory.
        timeout_s: How long it may take once it has started.
        session: Names the session of pytest.
        rebuild: Whether a stored result of another session does not count.
        memory: How much memory it may use.
        job: What to do.
    """

    model_config = ConfigDict(ser_json_inf_nan="constants")  # of a ``LatencyBound``

    key: str
    store: Path
    timeout_s: float
    session: str
    rebuild: bool
    memory: MemoryLimit
    job: Job


class SupervisedTask(Frozen):
    """What a supervisor has to know of a ``Task``; to read its job would take most of its time."""

    model_config = ConfigDict(extra="ignore")

    memory: MemoryLimit


class Failure(Frozen):
    """Why a task failed.

    Attributes:
        cause: What is wrong.
        hint: What to do instead; may be empty.
        expected: Whether the cause says everything, so that the log is not shown.
        stage: The index of the stage that it is about, where a job has several.
        refused: Whether the same job would fail again. It may succeed where a file changed
            meanwhile, or where memory or the disk were full.
    """

    cause: UserText
    hint: UserText
    expected: bool
    stage: int = 0
    refused: bool = False


class Event(Frozen):
    """What a worker process says: its task's folder, what happened, and with what."""

    task: str
    happened: Happening
    activity: str = ""
    failure: Failure | None = None
    exitcode: int | None = None

"""Worker processes, as the pytest process sees them: hand over a task, wait for its end."""

import asyncio
import shlex
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.protocol.jobs import Event, Failure, Task
from pytest_modelbudget.protocol.store import Store

Kind = Literal["litert", "quantizer", "tensorflow"]
GRACE_S = 5.0  # for a worker to write down where it hangs, before it is killed
LOG_LINES = 12
STUCK = "raise `timeout`, or see in the log where it hangs"


class WorkerError(ModelBudgetError):
    """A task that failed: why, the end of its log, and the command that repeats it alone."""


@dataclass
class Activity:
    """What one task is doing; the terminal shows it while somebody waits."""

    title: str
    now: str = ""
    started_s: float | None = None
    failure: Failure | None = None

    def hear(self, event: Event) -> None:
        """Take in what the worker said."""
        self.now = event.activity
        self.failure = event.failure
        if event.happened == "started":
            self.started_s = time.monotonic()

    def lasted_s(self) -> float:
        """Seconds since the work began; 0.0 while it waits."""
        return time.monotonic() - self.started_s if self.started_s else 0.0


class Foremen:
    """The fork servers of one session, each started when its first task comes."""

    def __init__(self) -> None:
        self._starting: dict[Kind, asyncio.Task[Foreman]] = {}

    async def run(self, kind: Kind, store: Store, task: Task, activity: Activity) -> Path:
        """Run ``task`` in a worker of ``kind``.

        Returns:
            The task's folder, where the worker left its log and ``result.json``. The caller
            removes it.

        Raises:
            WorkerError: If the task failed, ran out of time, or its process died.
        """
        if kind not in self._starting:
            self._starting[kind] = asyncio.create_task(Foreman.start(kind))
        # Shielded: a cancelled task must not leave a half-started process behind.
        foreman = await asyncio.shield(self._starting[kind])
        folder = store.task_folder("".join(c if c.isalnum() else "-" for c in activity.title))
        (folder / "task.json").write_text(task.model_dump_json(indent=2))
        await foreman.run(folder, task.timeout_s, activity)
        return folder

    async def close(self) -> None:
        """End every fork server, and every worker with it."""
        for starting in self._starting.values():
            await (await starting).close()


class Foreman:
    """A handle on one fork server; see ``worker/foreman.py``."""

    def __init__(self, process: Process, errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors
        self._tasks: dict[str, asyncio.Queue[Event]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, kind: Kind) -> "Foreman":
        """Start a fork server; its imports go on while the first order waits in its pipe."""
        # -P: a numpy.py in the working directory must not be imported in numpy's place.
        command = [sys.executable, "-P", "-m", "pytest_modelbudget.workers.fork_server", kind]
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
            start_new_session=True,  # an interrupt at the terminal is pytest's to handle
        )
        return cls(process, errors)

    async def run(self, folder: Path, timeout_s: float, activity: Activity) -> None:
        """Run the task in ``folder`` to its end; raises ``WorkerError`` if it fails."""
        name = str(folder)
        events = self._tasks[name] = asyncio.Queue()
        if self._reader.done():
            self._fail(name)
        self._order(f"run {name}")
        stop: asyncio.TimerHandle | None = None
        while (event := await events.get()).happened != "exited":
            activity.hear(event)
            if event.happened == "started":
                delay_s = timeout_s + GRACE_S
                stop = asyncio.get_running_loop().call_later(delay_s, self._order, f"stop {name}")
        if stop:
            stop.cancel()
        if event.exitcode != 0:
            raise WorkerError(_explain(folder, event.exitcode, timeout_s, activity))

    async def close(self) -> None:
        """End the fork server; it takes its workers with it."""
        _stdin(self._process).close()
        await self._process.wait()
        await self._reader
        self._errors.close()

    async def _read(self) -> None:
        assert self._process.stdout is not None, "opened with PIPE"
        async for line in self._process.stdout:
            event = Event.model_validate_json(line)
            if event.task in self._tasks:
                self._tasks[event.task].put_nowait(event)
        for name in self._tasks:
            self._fail(name)

    def _fail(self, name: str) -> None:
        """Tell whoever waits for a task that the fork server ended, with its last words."""
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        cause = "the server of the worker processes ended: " + "".join(words)
        failure = Failure(cause=cause, hint="", expected=False)
        self._tasks[name].put_nowait(Event(task=name, happened="failed", failure=failure))
        self._tasks[name].put_nowait(Event(task=name, happened="exited"))

    def _order(self, order: str) -> None:
        _stdin(self._process).write(f"{order}\n".encode())


def _stdin(process: Process) -> asyncio.StreamWriter:
    assert process.stdin is not None, "opened with PIPE"
    return process.stdin


def _explain(folder: Path, exitcode: int | None, timeout_s: float, activity: Activity) -> str:
    """Say why the task in ``folder`` failed."""
    log = folder / "log.txt"
    tail = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
    if told := activity.failure:
        cause = f"{told.cause}\n{told.hint}" if told.hint else told.cause
        tail = [] if told.expected else tail
    elif activity.lasted_s() >= timeout_s:
        cause = f"still running after its timeout of {timeout_s:g} s\n{STUCK}"
    elif exitcode is not None and exitcode < 0:
        cause = f"its process was killed by signal {-exitcode}"
    else:
        cause = f"its process exited with code {exitcode}"
    command = shlex.join([sys.executable, "-m", "pytest_modelbudget.workers.run", str(folder)])
    lines = [cause, *(f"    {line}" for line in tail), f"log: {log}", f"repeat: {command}"]
    return "\n".join(lines)

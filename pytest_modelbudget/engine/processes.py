"""The fork servers and worker processes of one session, as their parent process sees them."""

import asyncio
import shlex
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import IO, Literal

from pytest_modelbudget.engine.log_excerpt import excerpt
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.protocol.jobs import Event, Failure, Task
from pytest_modelbudget.protocol.store import Store

WorkerKind = Literal["litert", "quantizer", "tensorflow"]
# A worker process writes to its log where it hangs; it is killed if it did not end by then.
GRACE_S = 5.0
TOO_SLOW = "raise `timeout` if it needs more time"


class WorkerError(ModelBudgetError):
    """A task that failed: the cause, an excerpt of its log, and the command that repeats it."""


class ForkServers:
    """The fork servers of one session, one for each kind of worker; started when first needed."""

    def __init__(self) -> None:
        self._starting: dict[WorkerKind, asyncio.Task[ForkServer]] = {}

    async def run(self, kind: WorkerKind, store: Store, task: Task, status: TaskStatus) -> Path:
        """Run ``task`` in a worker process of ``kind``.

        Returns:
            The task's folder with its log and ``result.json``. The caller removes it.

        Raises:
            WorkerError: if the task failed, ran out of time, or its process died.
        """
        if kind not in self._starting:
            self._starting[kind] = asyncio.create_task(ForkServer.start(kind))
        status.progress = "starting a worker process"
        # Shielded, because a cancelled task must not leave a half-started process behind.
        server = await asyncio.shield(self._starting[kind])
        folder = store.task_folder("".join(c if c.isalnum() else "-" for c in status.title))
        (folder / "task.json").write_text(task.model_dump_json(indent=2))
        await server.run(folder, task.timeout_s, status)
        return folder

    async def close(self) -> None:
        """End every fork server and its worker processes."""
        for starting in self._starting.values():
            await (await starting).close()


class ForkServer:
    """One running fork server; its own side is ``workers/fork_server.py``."""

    def __init__(self, process: Process, errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors
        self._tasks: dict[str, asyncio.Queue[Event]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, kind: WorkerKind) -> "ForkServer":
        """Start a fork server; the first command waits in the pipe until its imports are done."""
        # With -P, a numpy.py in the working directory is not imported in place of numpy.
        command = [sys.executable, "-P", "-m", "pytest_modelbudget.workers.fork_server", kind]
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
            start_new_session=True,  # pytest alone handles an interrupt at the terminal
        )
        return cls(process, errors)

    async def run(self, folder: Path, timeout_s: float, status: TaskStatus) -> None:
        """Run the task in ``folder`` and wait for its end.

        Raises:
            WorkerError: if the task failed, ran out of time, or its process died.
        """
        name = str(folder)
        events = self._tasks[name] = asyncio.Queue()
        if self._reader.done():
            self._fail(name)
        self._send(f"run {name}")
        stop: asyncio.TimerHandle | None = None
        while (event := await events.get()).happened != "exited":
            status.update(event)
            if event.happened == "started":
                delay_s = timeout_s + GRACE_S
                stop = asyncio.get_running_loop().call_later(delay_s, self._send, f"stop {name}")
        if stop:
            stop.cancel()
        if event.exitcode != 0:
            raise WorkerError(_explain(folder, event.exitcode, timeout_s, status))

    async def close(self) -> None:
        """End the fork server and its worker processes."""
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
        """Let the task ``name`` fail because the fork server ended; quote its last output line."""
        self._errors.seek(0)
        last_line = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        cause = "the fork server ended: " + "".join(last_line)
        failure = Failure(cause=cause, hint="", expected=False)
        self._tasks[name].put_nowait(Event(task=name, happened="failed", failure=failure))
        self._tasks[name].put_nowait(Event(task=name, happened="exited"))

    def _send(self, command: str) -> None:
        _stdin(self._process).write(f"{command}\n".encode())


def _stdin(process: Process) -> asyncio.StreamWriter:
    assert process.stdin is not None, "opened with PIPE"
    return process.stdin


def _explain(folder: Path, exitcode: int | None, timeout_s: float, status: TaskStatus) -> str:
    """Return why the task in ``folder`` failed, an excerpt of its log, and how to repeat it."""
    log = folder / "log.txt"
    shown = excerpt(log.read_text(errors="replace")) if log.exists() else []
    if failure := status.failure:
        cause = f"{failure.cause}\n{failure.hint}" if failure.hint else failure.cause
        shown = [] if failure.expected else shown
    elif status.elapsed_s() >= timeout_s:
        cause = f"still running after its timeout of {timeout_s:g} s\n{TOO_SLOW}"
    elif exitcode is not None and exitcode < 0:
        reason = signal.strsignal(-exitcode)
        cause = f"the worker process was killed by signal {-exitcode} ({reason})"
    else:
        cause = f"the worker process exited with code {exitcode}"
    command = shlex.join([sys.executable, "-m", "pytest_modelbudget.workers.run", str(folder)])
    lines = [cause, *(f"    {line}" for line in shown), f"log: {log}", f"repeat: {command}"]
    return "\n".join(lines)

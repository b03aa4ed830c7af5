"""The fork servers and worker processes of one session, as their parent process sees them."""

import asyncio
import os
import shlex
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Literal
from urllib.parse import quote

from pytest_modelbudget.engine.log_excerpt import excerpt
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.protocol.store import Store
from pytest_modelbudget.protocol.task import LOG, TASK, Event, Failure, Task

WorkerKind = Literal["litert", "quantizer", "tensorflow"]
# A worker process writes to its log where it hangs; it is killed if it did not end by then.
GRACE_S = 5.0
# A fork server imports TensorFlow when it starts; later it answers at once.
START_S, PING_S, ANSWER_S = 600.0, 10.0, 60.0
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
        (folder / TASK).write_text(task.model_dump_json(indent=2))
        await server.run(folder, task.timeout_s, status)
        return folder

    async def close(self) -> None:
        """End every fork server and its worker processes."""
        for starting in self._starting.values():
            await (await starting).close()


class ForkServer(asyncio.SubprocessProtocol):
    """One running fork server; its own side is ``workers/fork_server.py``.

    Its end is noticed by the process, not by the end of its output: another process may have
    inherited the pipe.
    """

    def __init__(self, errors: IO[bytes]) -> None:
        self._errors = errors
        self._tasks: dict[str, asyncio.Queue[Event]] = {}
        self._unread = b""
        self._answered = asyncio.Event()
        self._ended = asyncio.Event()
        self._cause = ""
        self._watching = asyncio.create_task(self._watch())

    @classmethod
    async def start(cls, kind: WorkerKind) -> "ForkServer":
        """Start a fork server; the first command waits in the pipe until its imports are done."""
        # With -P, a numpy.py in the working directory is not imported in place of numpy.
        command = [sys.executable, "-P", "-m", "pytest_modelbudget.workers.fork_server", kind]
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        _, server = await asyncio.get_running_loop().subprocess_exec(
            lambda: cls(errors),
            *command,
            stderr=errors,
            # As Python sees it: libraries such as readline change what is inherited otherwise.
            env=os.environ.copy(),
            start_new_session=True,  # pytest alone handles an interrupt at the terminal
        )
        return server

    async def run(self, folder: Path, timeout_s: float, status: TaskStatus) -> None:
        """Run the task in ``folder`` and wait for its end.

        Raises:
            WorkerError: if the task failed, ran out of time, or its process died.
        """
        name = str(folder)
        events = self._tasks[name] = asyncio.Queue()
        if self._ended.is_set():
            self._fail(name)
        self._send(f"run {quote(name)}")
        timers: list[asyncio.TimerHandle] = []
        is_done = False
        while (event := await events.get()).happened != "exited":
            status.update(event)
            is_done |= event.happened == "done"
            if event.happened == "started":
                later = asyncio.get_running_loop().call_later
                gone = Event(task=name, happened="exited")
                timers = [
                    later(timeout_s + GRACE_S, self._send, f"stop {quote(name)}"),
                    later(timeout_s + 2 * GRACE_S, events.put_nowait, gone),
                ]
        for timer in timers:
            timer.cancel()
        if event.exitcode != 0 or not is_done:
            raise WorkerError(_explain(folder, event.exitcode, timeout_s, status))

    async def close(self) -> None:
        """End the fork server and its worker processes."""
        self._watching.cancel()
        self._pipe.close()
        try:
            await asyncio.wait_for(self._ended.wait(), GRACE_S)
        except TimeoutError:
            self._kill()
            await self._ended.wait()
        self.transport.close()
        self._errors.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection to the process; called by asyncio."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        pipe = transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        self.transport, self._pipe = transport, pipe

    def pipe_data_received(self, _descriptor: int, received: bytes) -> None:
        """Hand over the events of the tasks; called by asyncio."""
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            event = Event.model_validate_json(line)
            if event.happened == "ready":
                self._answered.set()
            elif event.task in self._tasks:
                self._tasks[event.task].put_nowait(event)

    def process_exited(self) -> None:
        """Let every task fail; called by asyncio."""
        self._ended.set()
        for name in self._tasks:
            self._fail(name)

    async def _watch(self) -> None:
        """Kill the fork server if it does not answer, for example because it was stopped."""
        within_s = START_S
        while await self._has_answered(within_s):
            await asyncio.sleep(PING_S)
            self._answered.clear()
            self._send("ping")
            within_s = ANSWER_S
        self._cause = f"the fork server did not answer within {within_s:g} s and was killed"
        self._kill()

    async def _has_answered(self, within_s: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._answered.wait(), within_s)
        return self._answered.is_set()

    def _kill(self) -> None:
        """Kill the fork server; its supervisors end when it has ended, and must not be stopped."""
        with suppress(ProcessLookupError):
            self.transport.kill()
            os.killpg(self.transport.get_pid(), signal.SIGCONT)

    def _fail(self, name: str) -> None:
        """Let the task ``name`` fail because the fork server ended; quote its last output line."""
        self._errors.seek(0)
        last_line = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        cause = self._cause or "the fork server ended: " + "".join(last_line)
        failure = Failure(cause=cause, hint="", expected=False)
        self._tasks[name].put_nowait(Event(task=name, happened="failed", failure=failure))
        self._tasks[name].put_nowait(Event(task=name, happened="exited"))

    def _send(self, command: str) -> None:
        self._pipe.write(f"{command}\n".encode())


def _explain(folder: Path, exitcode: int | None, timeout_s: float, status: TaskStatus) -> str:
    """Return why the task in ``folder`` failed, an excerpt of its log, and how to repeat it."""
    log = folder / LOG
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
        before = "" if exitcode else " before its task was done"
        cause = f"the worker process exited with code {exitcode}{before}"
    command = shlex.join([sys.executable, "-m", "pytest_modelbudget.workers.run", str(folder)])
    lines = [cause, *(f"    {line}" for line in shown), f"log: {log}", f"repeat: {command}"]
    return "\n".join(lines)

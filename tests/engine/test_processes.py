"""Real workers of the kind that starts fast; the misbehaving code is a user's ``data.test``."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from pytest_modelbudget.engine.processes import ForkServer, ForkServers, WorkerError, WorkerKind
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.protocol.digests import digest
from pytest_modelbudget.protocol.store import Store
from tests.conftest import ZYGOTES, eventually
from tests.workers.test_fork_server import GOOD, HANGS, clean_up, evaluation, gone, parent, pids

T = TypeVar("T")
PYTHON = sys.executable


class Bench:
    """A cache, and the workers that run tasks in it until the work is done."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = Store(root / "store")
        self.fork_servers = ForkServers()
        self.statuses: list[TaskStatus] = []

    async def run(self, name: str, code: str, timeout_s: float = 60.0) -> Path:
        task = evaluation(self.root, name, code, timeout_s)
        status = TaskStatus(f"{name} evaluate")
        self.statuses.append(status)
        return await self.fork_servers.run("litert", self.store, task, status)

    async def error(self, name: str, code: str, timeout_s: float = 60.0) -> str:
        """Return the text of the error that a task ends with."""
        with pytest.raises(WorkerError) as raised:
            await self.run(name, code, timeout_s)
        return str(raised.value)

    def do(self, work: Callable[[], Awaitable[T]]) -> T:
        async def until_closed() -> T:
            try:
                return await asyncio.wait_for(work(), timeout=60)
            finally:
                await asyncio.wait_for(self.fork_servers.close(), timeout=60)

        return asyncio.run(until_closed())

    def trailer(self, name: str) -> str:
        folder = self.store.root / "tasks" / f"{name}-evaluate-1"
        repeat = f"{sys.executable} -m pytest_modelbudget.workers.run {folder}"
        return f"log: {folder}/log.txt\nrepeat: {repeat}"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # the machine of others is not waited for
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", ZYGOTES.interpreter())
    yield Bench(tmp_path)
    clean_up(tmp_path)


def test_tasks_of_one_kind_share_a_server(bench: Bench) -> None:
    async def both() -> tuple[Path, Path]:
        return await asyncio.gather(bench.run("one", GOOD), bench.run("two", GOOD))

    folders = bench.do(both)
    assert [folder.name for folder in folders] == ["one-evaluate-1", "two-evaluate-1"]
    keys = {folder.parent.name for folder in bench.store.folders()}
    assert keys == {digest("one"), digest("two")}


def test_what_the_user_did_wrong_is_said_without_a_log(bench: Bench) -> None:
    error = bench.do(lambda: bench.error("data", "def test(): raise KeyError('y')"))
    cause, *_, log, repeat = error.splitlines()
    assert cause == "data:test raised KeyError: 'y' (data.py:1)"
    assert f"{log}\n{repeat}" == bench.trailer("data")
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        ("os._exit(3)", "the worker process exited with code 3"),
        ("os._exit(0)", "the worker process exited with code 0 before its task was done"),
        ("os.kill(os.getpid(), 9)", "the worker process was killed by signal 9 (Killed)"),
    ],
)
def test_how_a_process_ended_is_said_with_the_end_of_its_log(
    bench: Bench, end: str, cause: str
) -> None:
    code = f"import os\ndef test():\n    print(*range(20), sep='\\n', flush=True)\n    {end}\n"
    error = bench.do(lambda: bench.error("ends", code))
    tail = "".join(f"    {number}\n" for number in range(8, 20))
    assert error == f"{cause}\n{tail}{bench.trailer('ends')}"


DEEP = """
    import threading, time
    def test():
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        fall(40)
    def fall(depth):
        if depth == 0:
            time.sleep(1000)
        fall(depth - 1)
"""


def test_a_timeout_shows_the_innermost_frames_where_the_task_hung(bench: Bench) -> None:
    error = bench.do(lambda: bench.error("hangs", DEEP, timeout_s=0.5))
    head = (
        "still running after its timeout of 0.5 s\n"
        "raise `timeout` if it needs more time\n"
        "    it hung here, innermost call first:\n"
    )
    assert error.startswith(head)
    assert error.endswith(bench.trailer("hangs"))
    user = f'    File "{bench.root}/hangs.py", line'
    *frames, caller = error.removeprefix(head).removesuffix(bench.trailer("hangs")).splitlines()
    assert frames == [
        f"{user} 8 in fall",
        *[f"{user} 9 in fall"] * 7,
        "    ...",
        f"{user} 9 in fall",
        f"{user} 5 in test",
    ]
    assert re.fullmatch(r'    File ".*/workers/userdata/\w+\.py", line \d+ in \w+', caller)


def test_a_task_that_no_timeout_reaches_is_killed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_modelbudget.engine.processes.GRACE_S", 0.1)
    deaf = "import faulthandler\nfaulthandler.cancel_dump_traceback_later()\n"
    code = deaf + textwrap.dedent(HANGS.format(name="deaf"))
    error = bench.do(lambda: bench.error("deaf", code, timeout_s=0.5))
    assert error.startswith("still running after its timeout of 0.5 s\n")
    eventually(lambda: gone(bench.root, "deaf"))


def test_closing_ends_what_still_runs(bench: Bench) -> None:
    async def hang() -> None:
        running = asyncio.create_task(bench.run("hangs", HANGS.format(name="hangs")))
        while not pids(bench.root, "hangs"):
            await asyncio.sleep(0.01)
        await bench.fork_servers.close()
        with pytest.raises(WorkerError, match="the worker process was killed by signal 9"):
            await running

    bench.do(hang)
    eventually(lambda: gone(bench.root, "hangs"))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ForkServer]:
    """Return a list to which each fork server is added when it starts."""
    started: list[ForkServer] = []
    start = ForkServer.start

    async def noted(kind: WorkerKind) -> ForkServer:
        started.append(await start(kind))
        return started[-1]

    monkeypatch.setattr(ForkServer, "start", noted)
    return started


async def hanging(bench: Bench, name: str, timeout_s: float = 60.0) -> "asyncio.Task[str]":
    """Return a task that hangs; it ends with the text of its error."""
    running = asyncio.create_task(bench.error(name, HANGS.format(name=name), timeout_s))
    while not pids(bench.root, name):
        await asyncio.sleep(0.01)
    return running


def test_a_server_that_died_fails_what_runs_and_what_comes_later(bench: Bench) -> None:
    async def die() -> list[str]:
        running = await hanging(bench, "hangs")
        supervisor = parent(pids(bench.root, "hangs")[0])
        os.kill(parent(str(supervisor)), signal.SIGKILL)
        return [await running, await bench.error("later", GOOD)]

    for error in bench.do(die):
        assert error.startswith("the fork server ended")
    failures = [status.failure for status in bench.statuses]
    assert [failure and failure.refused for failure in failures] == [False, False]
    eventually(lambda: gone(bench.root, "hangs"))


def test_a_server_that_is_stopped_with_its_supervisors_is_killed(
    bench: Bench, started: list[ForkServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task whose timeout is over has ended before that."""
    monkeypatch.setattr(sys, "executable", PYTHON)  # not forked, so that it is not what is stopped
    monkeypatch.setattr("pytest_modelbudget.engine.processes.PING_S", 0.1)
    monkeypatch.setattr("pytest_modelbudget.engine.processes.ANSWER_S", 1.5)
    monkeypatch.setattr("pytest_modelbudget.engine.processes.GRACE_S", 0.2)

    async def be_stopped() -> list[str]:
        running = await hanging(bench, "hangs")
        late = await hanging(bench, "late", timeout_s=0.5)
        os.killpg(started[0].transport.get_pid(), signal.SIGSTOP)
        error = await late
        assert not running.done()
        return [error, await running, await bench.error("later", GOOD)]

    late, *others = bench.do(be_stopped)
    assert late.startswith("still running after its timeout of 0.5 s\n")
    for error in others:
        cause = "the fork server did not answer within 1.5 s and was killed"
        assert error.splitlines()[0] == cause
    eventually(lambda: gone(bench.root, "hangs") and gone(bench.root, "late"))


def test_a_stranger_that_holds_the_pipes_is_not_waited_for(
    bench: Bench, started: list[ForkServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def be_held() -> "subprocess.Popen[bytes]":
        await bench.run("good", GOOD)
        pipes = [started[0].transport.get_pipe_transport(number) for number in (0, 1)]
        held = [pipe.get_extra_info("pipe").fileno() for pipe in pipes if pipe]
        assert len(held) == 2
        monkeypatch.setattr("pytest_modelbudget.engine.processes.GRACE_S", 0.2)
        return subprocess.Popen(["sleep", "1000"], pass_fds=held)

    stranger = bench.do(be_held)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_server_that_cannot_start_says_why(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = bench.root / "broken"
    broken.mkdir()
    (broken / "numpy.py").write_text("raise ImportError('no such library')")
    monkeypatch.setenv("PYTHONPATH", str(broken))

    async def both() -> list[str]:
        return [await bench.error("one", GOOD), await bench.error("two", GOOD)]

    for error in bench.do(both):
        cause = "the fork server ended: ImportError: no such library"
        assert error.splitlines()[0] == cause

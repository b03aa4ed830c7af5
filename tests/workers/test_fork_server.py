"""The fork server by its own protocol; the misbehaving code is a user's ``data.test``."""

import os
import re
import shutil
import signal
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Timer

import pytest

from pytest_modelbudget.budgetfile.types import CallSource, Metric
from pytest_modelbudget.judge.results.scores import ModelScore
from pytest_modelbudget.protocol.digests import digest
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.score_jobs import EvaluateJob, ReadJob
from pytest_modelbudget.protocol.store import Store
from pytest_modelbudget.protocol.task import Event, Failure, MemoryLimit, Task
from tests.conftest import ZYGOTES, eventually

BLOBS = Path(__file__).parents[1] / "models"
GOOD = "import blobs\ntest = blobs.test\n"
HANGS = """
    import os, pathlib, subprocess, time
    def test():
        child = subprocess.Popen(["sleep", "1000"])
        pathlib.Path("{name}.pids").write_text(f"{{os.getpid()}} {{child.pid}} ")
        time.sleep(1000)
"""


def evaluation(
    root: Path, name: str, code: str, timeout_s: float = 60.0, memory_bytes: int = 10**9
) -> Task:
    """Return the task to evaluate the blobs on what ``test`` in ``code`` returns."""
    for file in ("blobs.py", "blobs.tflite"):
        shutil.copy(BLOBS / file, root)
    (root / f"{name}.py").write_text(textwrap.dedent(code))
    job = EvaluateJob(
        model=root / "blobs.tflite",
        data=CallSource(call=f"{name}:test"),
        metric=Metric(),
        project=Project(rootdir=root, working_folder=root, sys_path=(str(root),)),
    )
    return Task(
        key=digest(name),
        store=root / "store",
        timeout_s=timeout_s,
        session="",
        rebuild=False,
        memory=MemoryLimit(limit_bytes=memory_bytes, shown=f"{memory_bytes} B"),
        job=job,
    )


def gone(root: Path, name: str) -> bool:
    """Return whether the processes that ``HANGS`` noted have ended, reaped or not."""
    states = [Path("/proc", pid, "stat") for pid in pids(root, name)]
    return all(not file.exists() or ") Z " in file.read_text() for file in states)


def parent(pid: str) -> int:
    return int(Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[1])


def pids(root: Path, name: str) -> list[str]:
    file = root / f"{name}.pids"
    text = file.read_text() if file.exists() else ""
    return text.split() if text.endswith(" ") else []


def clean_up(root: Path) -> None:
    """Kill what a failed test has left hanging."""
    for file in root.glob("*.pids"):
        for pid in pids(root, file.stem):
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


class Server:
    """A fork server of the kind ``litert``, its commands and events."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process = subprocess.Popen(
            [ZYGOTES.interpreter(), "-P", "-m", "pytest_modelbudget.workers.fork_server", "litert"],
            cwd=root,
            env={**os.environ, "TMPDIR": str(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def run(self, name: str, code: str, timeout_s: float = 60.0, memory_bytes: int = 10**9) -> None:
        self.start(name, evaluation(self.root, name, code, timeout_s, memory_bytes))

    def start(self, name: str, task: Task) -> None:
        self.folder(name).mkdir()
        (self.folder(name) / "task.json").write_text(task.model_dump_json())
        self.send(f"run {self.folder(name)}")

    def folder(self, name: str) -> Path:
        return self.root / "tasks" / name

    def send(self, command: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{command}\n".encode())

    def until(self, name: str, happened: str) -> list[Event]:
        """Return all events until, and with, the one that is asked for."""
        assert self.process.stdout
        events = []
        for line in self.process.stdout:
            events.append(Event.model_validate_json(line))
            if (Path(events[-1].task).name, events[-1].happened) == (name, happened):
                return events
        pytest.fail(f"the server ended: {events}")

    def hang(self, name: str) -> None:
        """Run a task that hangs, with a child of its own, and wait until it does."""
        self.run(name, HANGS.format(name=name), timeout_s=600.0)
        eventually(lambda: bool(pids(self.root, name)))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "tasks").mkdir()
    server = Server(tmp_path)
    watchdog = Timer(60, server.process.kill)
    watchdog.start()
    with server.process:
        yield server
        watchdog.cancel()
        server.process.kill()
        clean_up(tmp_path)


def test_a_task_is_run_and_its_result_is_in_the_store(server: Server) -> None:
    server.run("good", GOOD)
    events = server.until("good", "exited")
    told = [event for event in events if event.happened != "progress"]
    assert [event.happened for event in told] == ["ready", "waiting", "started", "done", "exited"]
    assert (told[-1].exitcode, told[-1].failure) == (0, None)
    entry = Store(server.root / "store").find(digest("good"), None)
    assert entry
    score = ModelScore.model_validate_json((entry.path / "result.json").read_bytes())
    assert (score.value, score.samples) == (0.965, 400)


@pytest.mark.parametrize("is_stored", [True, False])
def test_relative_paths_begin_where_pytest_was_started(server: Server, is_stored: bool) -> None:
    started = server.root / "started"
    started.mkdir()
    (started / "here").touch()
    task = evaluation(
        server.root,
        "relative",
        "import blobs, os\ndef test(): return os.stat('here') and blobs.test()",
    )
    assert isinstance(task.job, EvaluateJob)
    project = task.job.project.model_copy(update={"working_folder": started})
    job = task.job.model_copy(update={"project": project})
    read = ReadJob(read=CallSource(call="relative:test"), project=project)
    server.start("relative", task.model_copy(update={"job": job if is_stored else read}))
    last = server.until("relative", "exited")
    assert [each.failure for each in last if each.failure] == []
    assert last[-1].exitcode == 0


def test_tasks_run_beside_each_other(server: Server) -> None:
    server.hang("hangs")
    server.run("good", GOOD)
    assert server.until("good", "exited")[-1].exitcode == 0
    assert not gone(server.root, "hangs")


def test_a_full_disk_is_said_with_what_fills_it(server: Server) -> None:
    code = "import pathlib, blobs\ndef test():\n"
    code += f"    [staged] = pathlib.Path({str(server.root)!r}, 'store/staging').iterdir()\n"
    code += "    (staged / 'result.json').symlink_to('/dev/full')\n    return blobs.test()\n"
    server.run("full", code)
    [failure] = [event.failure for event in server.until("full", "exited") if event.failure]
    assert failure.expected
    assert failure.cause == "the disk is full: OSError: [Errno 28] No space left on device"
    assert failure.hint.startswith(f"free some space for the cache directory {server.root}/store")


def test_what_a_user_prints_is_in_the_log_and_no_event(server: Server) -> None:
    code = "import os, blobs\nprint('hello')\nos.system('echo beside')\ntest = blobs.test\n"
    code += "print('out of memory score', open('/proc/self/oom_score_adj').read())\n"
    server.run("prints", code)
    assert server.until("prints", "exited")[-1].exitcode == 0
    log = (server.folder("prints") / "log.txt").read_text().splitlines()
    assert {"hello", "beside", "out of memory score 500"} <= set(log)


def test_a_task_that_raises_says_why(server: Server) -> None:
    server.run("raises", "def test(): raise KeyError('y')")
    failed, exited = server.until("raises", "exited")[-2:]
    assert failed.failure
    assert failed.failure.expected
    assert failed.failure.cause == "raises:test raised KeyError: 'y' (raises.py:1)"
    assert exited.exitcode == 1


@pytest.mark.parametrize(
    ("end", "exitcode"), [("os._exit(3)", 3), ("os.kill(os.getpid(), 9)", -9), ("os.abort()", -6)]
)
def test_a_task_that_ends_its_process_exits_alone(server: Server, end: str, exitcode: int) -> None:
    server.run("ends", f"import os\ndef test(): {end}")
    events = server.until("ends", "exited")
    assert "failed" not in [event.happened for event in events]
    assert events[-1].exitcode == exitcode
    server.run("good", GOOD)
    assert server.until("good", "exited")[-1].exitcode == 0


def test_a_task_that_hangs_writes_down_where_and_exits(server: Server) -> None:
    server.run("hangs", HANGS.format(name="hangs"), timeout_s=0.5)
    assert server.until("hangs", "exited")[-1].exitcode == 1
    log = (server.folder("hangs") / "log.txt").read_text()
    assert "Timeout (0:00:00.500000)!" in log
    assert 'hangs.py", line 6 in test' in log
    eventually(lambda: gone(server.root, "hangs"))


def test_stop_kills_a_task_with_its_own_children_and_no_other(server: Server) -> None:
    server.hang("stopped")
    server.hang("other")
    server.send(f"stop {server.folder('stopped')}")
    assert server.until("stopped", "exited")[-1].exitcode == -9
    eventually(lambda: gone(server.root, "stopped"))
    assert not gone(server.root, "other")


ORPHANS = """
    import os, pathlib, time
    def test():
        if os.fork() == 0:
            if os.fork() == 0:
                pathlib.Path("orphans.pids").write_text(f"{os.getpid()} ")
            os._exit(0)
        time.sleep(1000)
"""
DAEMON = """
    import os, pathlib, time
    def test():
        worker = os.getpid()
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            pathlib.Path("{name}.pids").write_text(f"{{worker}} {{os.getpid()}} ")
        time.sleep(1000)
"""


def test_a_task_whose_supervisor_is_killed_ends_with_all_that_it_started(server: Server) -> None:
    server.hang("other")
    server.run("daemon", DAEMON.format(name="daemon"), timeout_s=600.0)
    eventually(lambda: bool(pids(server.root, "daemon")))
    worker, daemon = pids(server.root, "daemon")
    eventually(lambda: parent(daemon) == parent(worker))  # the supervisor has adopted it
    os.kill(parent(worker), signal.SIGKILL)
    assert server.until("daemon", "exited")[-1].exitcode == -9
    eventually(lambda: gone(server.root, "daemon"))
    assert not gone(server.root, "other")


def test_a_fork_server_that_is_killed_takes_all_with_it(server: Server) -> None:
    server.hang("hangs")
    server.run("daemon", DAEMON.format(name="daemon"), timeout_s=600.0)
    eventually(lambda: bool(pids(server.root, "daemon")))
    supervisor = parent(pids(server.root, "hangs")[0])
    os.kill(parent(str(supervisor)), signal.SIGKILL)
    eventually(lambda: gone(server.root, "hangs") and gone(server.root, "daemon"))


def test_orphans_of_a_running_task_are_reaped(server: Server) -> None:
    server.run("orphans", ORPHANS)
    eventually(lambda: bool(pids(server.root, "orphans")))
    eventually(lambda: not Path("/proc", pids(server.root, "orphans")[0]).exists())


def test_to_stop_what_has_ended_does_nothing(server: Server) -> None:
    server.run("good", GOOD)
    server.until("good", "exited")
    server.send(f"stop {server.folder('good')}")
    server.run("again", GOOD)
    assert server.until("again", "exited")[-1].exitcode == 0


def test_the_end_of_the_input_ends_all(server: Server) -> None:
    server.hang("first")
    server.hang("second")
    server.process.communicate()
    assert server.process.returncode == 0
    eventually(lambda: gone(server.root, "first") and gone(server.root, "second"))


def test_the_input_may_end_right_after_a_command(server: Server) -> None:
    server.until("", "ready")
    server.run("hangs", "import time\ndef test(): time.sleep(1000)", timeout_s=20.0)
    assert server.process.stdin
    server.process.stdin.close()
    assert server.process.wait(timeout=10) == 0


TAKES = """
    import os, time, blobs
    BYTES = 40_000_000
    def take(count):
        return [b"x" * BYTES for _ in range(count)]
    def test():
        {what}
        return blobs.test()
"""
ALONE = "taken = take(5); time.sleep(1000)"
# The descendants sleep until they are killed with their task.
TOGETHER = "[os.fork() == 0 and (take(2), time.sleep(1000)) for _ in range(3)]; time.sleep(1000)"
SHARED = "taken = take(2); [os.fork() == 0 and time.sleep(1000) for _ in range(5)]; time.sleep(0.6)"


@pytest.mark.parametrize("what", [ALONE, TOGETHER])
def test_a_task_that_uses_too_much_memory_is_ended(server: Server, what: str) -> None:
    server.run("takes", TAKES.format(what=what), memory_bytes=200_000_000)
    failed, exited = server.until("takes", "exited")[-2:]
    assert failed.failure == Failure(
        cause="the worker process used more memory than its limit of 200000000 B",
        hint="use a smaller batch_size or data set, or raise the limit with --budget-memory or the "
        "ini option modelbudget_memory",
        expected=True,
    )
    assert exited.exitcode == -9


def test_memory_that_processes_share_counts_once(server: Server) -> None:
    server.run("shares", TAKES.format(what=SHARED), memory_bytes=200_000_000)
    assert server.until("shares", "exited")[-1].exitcode == 0


def test_the_log_of_a_task_is_cut_while_it_is_written(server: Server) -> None:
    code = """
        import time
        def test():
            print("first")
            for _ in range(70_000):
                print("x" * 99)
            time.sleep(1000)
    """
    server.run("chatty", code, timeout_s=1.0)
    assert server.until("chatty", "exited")[-1].exitcode == 1
    log = (server.folder("chatty") / "log.txt").read_text()
    assert len(log) < 4 * 2**20
    assert "first\n" in log
    assert "Timeout (0:00:01)!" in log
    [notice] = [line for line in log.splitlines() if line.startswith("... ")]
    left_out = r"\.\.\. [45],\d{3},\d{3} bytes of the log are left out here \.\.\."
    assert re.fullmatch(left_out, notice)


def test_a_finished_task_waits_for_no_thread(server: Server) -> None:
    code = """
        import threading, time, blobs
        def test():
            threading.Thread(target=time.sleep, args=(1000,)).start()
            print("buffered")
            return blobs.test()
    """
    server.run("threads", code)
    assert server.until("threads", "exited")[-1].exitcode == 0
    assert "buffered\n" in (server.folder("threads") / "log.txt").read_text()

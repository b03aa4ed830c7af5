"""What the user's code leaves running, through pytest: nobody waits for it, and it is ended."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Project, eventually, outcomes

BUDGET = """
version: 1
model: blobs.tflite
data: {test: leaving:test}
budget: {min_accuracy: 0.96, max_latency: 1 s}
"""
LEAVING = """
import multiprocessing, os, pathlib, subprocess, threading, time
import blobs

def note():
    pathlib.Path("left.pid").write_text(str(os.getpid()))

def sleep():
    note()
    time.sleep(10000)
"""
WAYS = {
    # Keeps every descriptor of the worker process open, those of its locks too.
    "daemon": """
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            sleep()
    """,
    "program in its own session": """
        subprocess.Popen(["sh", "-c", "echo $$ >left.pid; sleep 10000"], start_new_session=True)
    """,
    "multiprocessing": """
        multiprocessing.get_context("fork").Process(target=sleep).start()
    """,
    "thread": """
        threading.Thread(target=sleep).start()
    """,
}


def is_gone(pid: str) -> bool:
    """Return whether a process has ended, reaped or not."""
    stat = Path("/proc", pid, "stat")
    return not stat.exists() or ") Z " in stat.read_text()


@pytest.fixture
def leaving(blobs: Project) -> Iterator[Project]:
    blobs.write("blobs.budget.yaml", BUDGET)
    yield blobs
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((blobs.root / "left.pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("way", WAYS)
def test_nobody_waits_for_what_is_left_running(leaving: Project, way: str) -> None:
    code = f"{LEAVING}\ndef test():{WAYS[way]}    return wait()\n"
    # In a process of its own, because a result depends on the files that the user's code looks for.
    wait = """
def wait():
    subprocess.run(["sh", "-c", "until [ -s left.pid ]; do sleep 0.01; done"], check=True)
    return blobs.test()
"""
    (leaving.root / "leaving.py").write_text(code.replace("\n        ", "\n    ") + wait)
    result = leaving.pytest("-v", "-p", "timeout", "--timeout=60")
    assert outcomes(result.output) == {
        "blobs.budget.yaml::min_accuracy": "PASSED",
        "blobs.budget.yaml::max_latency": "PASSED",
    }, result.output
    eventually(lambda: is_gone((leaving.root / "left.pid").read_text().strip()))

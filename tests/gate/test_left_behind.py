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
budget: {min_accuracy: 0.96, max_latency: 1 s}
variants:
"""
LEAVING = """
import multiprocessing, os, pathlib, subprocess, threading, time
import blobs

PID = f"{__name__}.pid"

def note():
    pathlib.Path(PID).write_text(str(os.getpid()))

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
    "program": """
        subprocess.Popen(["sh", "-c", f"echo $$ >{PID}; sleep 10000"], start_new_session=True)
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


# In a process of its own, because a result depends on the files that the user's code looks for.
WAIT = """
def wait():
    subprocess.run(["sh", "-c", f"until [ -s {PID} ]; do sleep 0.01; done"], check=True)
    return blobs.test()
"""


def pids(project: Project) -> list[str]:
    return [file.read_text().strip() for file in project.root.glob("*.pid")]


@pytest.fixture
def leaving(built: Project) -> Iterator[Project]:
    lines = [f"  {way}: {{data: {{test: 'by_{way}:test'}}}}\n" for way in WAYS]
    built.write("blobs.budget.yaml", BUDGET + "".join(lines))
    for way, code in WAYS.items():
        text = f"{LEAVING}\ndef test():{code}    return wait()\n".replace("\n        ", "\n    ")
        (built.root / f"by_{way}.py").write_text(text + WAIT)
    yield built
    for pid in pids(built):
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def test_nobody_waits_for_what_is_left_running(leaving: Project) -> None:
    result = leaving.pytest("-v", "-p", "timeout", "--timeout=60")
    assert outcomes(result.output) == {
        f"blobs.budget.yaml::{way}::{limit}": "PASSED"
        for way in WAYS
        for limit in ("min_accuracy", "max_latency")
    }, result.output
    assert len(pids(leaving)) == len(WAYS)
    eventually(lambda: all(map(is_gone, pids(leaving))))

"""Signals to each process of a session, at each phase."""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.faults.lab import GUARD_S, processes, read_session, wait
from benchmarks.faults.trial import Bench, Outcome, Trial, hold_reached, release
from tests.zygote import FORK_SERVER

IN_PYTEST = ("collecting", "reporting", "copying an artifact")
IN_FORK_SERVER = ("starting a fork server",)
IN_WORKER = (
    "building",
    "evaluating",
    "writing result.json",
    "writing dependencies.json",
    "writing entry.json",
    "moving the entry",
)
# From the process that is held up to pytest.
ROLES = ("worker", "supervisor", "fork server", "pytest")
START_S = 600.0  # a fork server that imports TensorFlow may take so long to answer
SIGNALS = ("SIGINT", "SIGTERM", "SIGKILL", "SIGSTOP, then SIGCONT", "SIGSTOP")


def trials() -> Iterator[Trial]:
    """Yield each signal to each process at each phase."""
    for name in SIGNALS:
        for phases, roles in (
            (IN_PYTEST, ROLES[3:]),
            (IN_FORK_SERVER, ROLES[2:]),
            (IN_WORKER, ROLES),
        ):
            for phase in phases:
                for role in roles:
                    # Nobody but the user can notice that pytest itself is stopped.
                    if (name, role) != ("SIGSTOP", "pytest"):
                        depth = roles.index(role)
                        run = partial(send, name=name, depth=depth, phase=phase)
                        yield Trial(f"{name} to {role}", phase, run)


def send(bench: Bench, name: str, depth: int, phase: str) -> Outcome:
    """Send a signal while the first process that reaches ``phase`` is held there.

    Args:
        bench: The lab.
        name: Of ``SIGNALS``.
        depth: 0 for the held process, 1 for its parent, and so on.
        phase: Where the process is held.
    """
    project = bench.cold()
    session = bench.lab.start(project, hold=phase, own_processes=phase in IN_FORK_SERVER)
    process = hold_reached(project)
    if ROLES[depth] == "pytest":
        process = _pytest(project)
    else:
        for _ in range(depth):
            process = _parent(process)
    first, *then = name.split(", then ")
    os.kill(process, signal.Signals[first])
    time.sleep(0.1)
    for each in then:
        os.kill(process, signal.Signals[each])
    if name != "SIGSTOP":
        release(project)  # else what is stopped must be noticed
    is_starting = (name, phase) == ("SIGSTOP", "starting a fork server")
    code = wait(session, project, GUARD_S + START_S * is_starting)
    return bench.judge(project, read_session(project, code, "faulty"))


def _pytest(project: Path) -> int:
    """Return the process that has started the fork servers, whether or not these are forked."""
    servers = {
        process
        for process in processes(project)
        if FORK_SERVER.encode() in Path("/proc", str(process), "cmdline").read_bytes()
    }
    [found] = set(map(_parent, servers)) - servers
    return found


def _parent(process: int) -> int:
    stat = Path("/proc", str(process), "stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])

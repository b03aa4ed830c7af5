"""Several sessions on one cache, a cache that disappears, and budgets with many variants."""

import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial

from benchmarks.faults.lab import CACHE, read_session, wait
from benchmarks.faults.signals import IN_WORKER
from benchmarks.faults.trial import Bench, Outcome, Trial, hold_reached, release

REMOVED = {
    "the cache": "",
    "its entries": "entries",
    "its staging": "staging",
    "its tasks": "tasks",
}


def trials() -> Iterator[Trial]:
    """Yield each number of sessions, and each fault beside them."""
    for count in (2, 4):
        yield Trial(f"{count} sessions on one cache", "cold", partial(together, count=count))
        for phase in IN_WORKER:
            run = partial(together, count=count, killed_at=phase)
            yield Trial(f"{count} sessions on one cache", f"one is killed: {phase}", run)
    for name, folder in REMOVED.items():
        for phase in IN_WORKER:
            run = partial(remove, folder=folder, phase=phase)
            yield Trial(f"removed during a session: {name}", phase, run)


def together(bench: Bench, count: int, killed_at: str = "") -> Outcome:
    """Run sessions at once on one cold cache.

    Args:
        bench: The lab.
        count: How many.
        killed_at: The phase at which the first one is killed; it runs on if this is empty.
    """
    project = bench.cold()
    sessions = {"faulty": bench.lab.start(project, hold=killed_at)}
    if killed_at:
        hold_reached(project)
    for number in range(1, count):
        name = f"session-{number}"
        sessions[name] = bench.lab.start(project, name)
    if killed_at:
        os.kill(sessions["faulty"].pid, signal.SIGKILL)
    ended = {
        name: read_session(project, wait(process, project), name)
        for name, process in sessions.items()
    }
    outcome = bench.judge(project, *ended.values())
    others = [each for name, each in ended.items() if name != "faulty" or not killed_at]
    is_same = all(each.is_identical(bench.reference) for each in others)
    return Outcome(outcome.hangs, outcome.wrong_greens, outcome.identical and is_same)


def remove(bench: Bench, folder: str, phase: str) -> Outcome:
    """Remove a folder of the cache while a worker process is held at ``phase``."""
    project = bench.cold()
    session = bench.lab.start(project, hold=phase)
    hold_reached(project)
    shutil.rmtree(project / CACHE / folder, ignore_errors=True)
    release(project)
    return bench.judge(project, read_session(project, wait(session, project), "faulty"))

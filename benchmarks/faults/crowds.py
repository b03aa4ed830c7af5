"""Several sessions on one cache, a cache that disappears, and budgets with many variants."""

import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial

from benchmarks.faults.lab import BUDGET, CACHE, read_session, wait
from benchmarks.faults.signals import IN_WORKER
from benchmarks.faults.trial import Bench, Outcome, Trial, hold_reached, release

REMOVED = {
    "the cache": "",
    "its entries": "entries",
    "its staging": "staging",
    "its tasks": "tasks",
}

VARIANTS = 1000


def trials() -> Iterator[Trial]:
    """Yield each number of sessions, and each fault beside them."""
    for count in (2, 4):
        yield Trial(f"{count} sessions on one cache", "cold", partial(together, count=count))
        for phase in IN_WORKER:
            run = partial(together, count=count, killed_at=phase)
            yield Trial(f"{count} sessions on one cache", f"one is killed: {phase}", run)
    for phase in ("", *IN_WORKER[:2]):
        run = partial(many_variants, killed_at=phase)
        yield Trial(f"{VARIANTS:,} variants in one file", phase and f"killed: {phase}", run)
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


def many_variants(bench: Bench, killed_at: str = "", *, again: bool = True) -> Outcome:
    """Run a session with many variants, one of ten red, and again.

    Args:
        bench: The lab.
        killed_at: The phase at which another session was killed before.
        again: Whether a second session must give the same.
    """
    project = bench.cold()
    limits = [f"{{max_bytes: {6300 - (number % 10 == 9)}}}" for number in range(VARIANTS)]
    variants = [f"  v{number}: {{budget: {each}}}\n" for number, each in enumerate(limits)]
    head = BUDGET.partition("timeout")[0] + "variants:\n"
    first = "  first: {recipe: int8, budget: {min_accuracy: 0.9}}\n"
    (project / "blobs.budget.yaml").write_text(head + first + "".join(variants))
    if killed_at:
        session = bench.lab.start(project, hold=killed_at)
        hold_reached(project)
        session.kill()
        session.wait()
    cold = bench.lab.run(project)
    warm = bench.lab.run(project) if again else cold
    wanted = {f"v{number}": ("within", "exceeded")[number % 10 == 9] for number in range(VARIANTS)}
    found = {row["variant"]: row["outcome"] for row in cold.rows.values()}
    wrong = [name for name, outcome in wanted.items() if found.get(name) == "within" != outcome]
    identical = found == wanted | {"first": "within"} and warm.is_identical(cold)
    shutil.rmtree(project / CACHE, ignore_errors=True)
    return Outcome(cold.hung + warm.hung, tuple(wrong), identical)

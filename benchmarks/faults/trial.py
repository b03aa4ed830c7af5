"""One trial: a fault, and what the session that saw it and the next one gave."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults.lab import CACHE, GUARD_S, Lab, Session, end_processes, processes
from tests.zygote import Zygotes

END_S = 30.0  # far more than a process needs to notice that the one above it has ended


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
        hangs: How many sessions had to be killed, and whether processes were left running.
        wrong_greens: What was green in any session and is not the same without the fault.
        identical: Whether the clean session gave the results of a session without the fault.
    """

    hangs: int
    wrong_greens: tuple[str, ...]
    identical: bool


class Bench:
    """The lab, and a project with the results of a session that saw no fault; see ``Lab``."""

    def __init__(self, root: Path, zygotes: Zygotes, *, forked: bool = False) -> None:
        self.lab = Lab(root, zygotes, forked=forked)
        self.warm = self.lab.project("warm")
        self.reference = self.lab.run(self.warm)
        greens = [row["outcome"] for row in self.reference.rows.values()].count("within")
        found = (self.reference.exitcode, len(self.reference.rows), greens)
        assert found == (1, 10, 8), self.reference.output

    def cold(self) -> Path:
        """Return a new project without a cache."""
        return self.lab.project(f"cold-{time.monotonic_ns()}")

    def copy(self) -> Path:
        """Return a new project with the cache of a session that saw no fault."""
        project = self.lab.root / f"copy-{time.monotonic_ns()}"
        shutil.copytree(self.warm, project, ignore=shutil.ignore_patterns("temporary"))
        return project

    def judge(self, project: Path, *faulty: Session) -> Outcome:
        """Run a clean session, and compare it and the faulty ones with the reference."""
        is_left = not _eventually(lambda: not processes(project), END_S)
        if is_left:
            end_processes(project)
        clean = self.lab.run(project)
        sessions = (*faulty, clean)
        wrong = [name for each in sessions for name in each.wrong_greens(self.reference)]
        shutil.rmtree(project / CACHE, ignore_errors=True)
        return Outcome(
            hangs=is_left + sum(each.hung for each in sessions),
            wrong_greens=tuple(wrong),
            identical=clean.is_identical(self.reference),
        )


@dataclass(frozen=True)
class Trial:
    """One row of the log.

    Attributes:
        fault: In words.
        phase: When or where it happens.
        run: Provokes it.
        guard_s: How long the trial may take before a session counts as hung.
    """

    fault: str
    phase: str
    run: Callable[[Bench], Outcome] = field(repr=False)

    @property
    def name(self) -> str:
        """A name that no other trial has."""
        return f"{self.fault}, {self.phase}"


def hold_reached(project: Path, guard_s: float = GUARD_S) -> int:
    """Wait until a process is held, and return its id.

    Raises:
        TimeoutError: if no process reaches the phase.
    """
    held = project / "held" / "held"
    if not _eventually(lambda: os.path.lexists(held), guard_s):
        end_processes(project)
        raise TimeoutError(f"no process was held in {project}")
    return int(os.readlink(held))


def release(project: Path) -> None:
    """Let the held process go on."""
    (project / "held" / "hold").rmdir()


def _eventually(condition: Callable[[], bool], within_s: float) -> bool:
    end_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.02)
    return True

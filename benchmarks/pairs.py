"""Two commands timed in turn, so that a drift of the machine hits both."""

import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Pairs:
    """Seconds of two commands, run by run."""

    ours_s: tuple[float, ...]
    theirs_s: tuple[float, ...]

    @property
    def differences_s(self) -> list[float]:
        """How much longer ours took, pair by pair."""
        return [ours - theirs for ours, theirs in zip(self.ours_s, self.theirs_s, strict=True)]

    @property
    def shares_more(self) -> list[float]:
        """How much longer ours took as a share of theirs, pair by pair."""
        return [ours / theirs - 1 for ours, theirs in zip(self.ours_s, self.theirs_s, strict=True)]

    @property
    def ratios(self) -> list[float]:
        """Theirs over ours, pair by pair: how many times faster ours is."""
        return [theirs / ours for ours, theirs in zip(self.ours_s, self.theirs_s, strict=True)]


def spread(values: Sequence[float], unit: str = "", factor: float = 1.0) -> str:
    """Return the median of ``values`` with their range, each times ``factor``."""
    low, middle, high = (factor * value for value in (min(values), median(values), max(values)))
    return f"{middle:.3g}{unit} ({low:.3g} to {high:.3g})"


def cpu_s() -> float:
    """Return the CPU time of all child processes that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_pairs(
    ours: Sequence[str],
    theirs: Sequence[str],
    cwd: Path,
    count: int,
    before: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Pairs:
    """Run both commands ``count`` times in turn, after one run each that does not count.

    Args:
        ours: The command of this project.
        theirs: What it is compared with.
        cwd: Where both run.
        count: How many pairs.
        before: Called before each run of ours.
        clock: What is measured; by default the wall time.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for index in range(count + 1):
        before()
        for command, seconds in zip((ours, theirs), times, strict=True):
            started_s = clock()
            subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
            if index:
                seconds.append(clock() - started_s)
    return Pairs(tuple(times[0]), tuple(times[1]))

"""What is known about the machine that a latency was taken on."""

import itertools
import os
import platform
from collections.abc import Iterator
from pathlib import Path

_CPUS = Path("/proc/cpuinfo")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def core_by_core() -> Iterator[None]:
    """Move this thread to the next of its cores at each step; the kernel may move it on.

    A neighbour in another virtual machine slows one physical core, and only that.
    """
    mine = os.sched_getaffinity(0)
    for core in itertools.cycle(sorted(mine)):
        os.sched_setaffinity(0, {core})
        os.sched_setaffinity(0, mine)
        yield


def cpu_model() -> str:
    """Return the CPU's name; its architecture where the kernel does not tell."""
    for line in _CPUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def governor() -> str:
    """Return the frequency governor; ``unknown`` in most virtual machines."""
    try:
        return _GOVERNOR.read_text().strip()
    except OSError:
        return "unknown"

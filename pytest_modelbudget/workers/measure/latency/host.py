"""The machine that a latency is measured on."""

import itertools
import os
import platform
from collections.abc import Iterator
from pathlib import Path

_CPUS = Path("/proc/cpuinfo")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def core_by_core() -> Iterator[None]:
    """Move this thread to its next core at each step; afterwards the kernel may move it again.

    The load of another virtual machine can slow one physical core and leave the others alone.
    """
    mine = os.sched_getaffinity(0)
    for core in itertools.cycle(sorted(mine)):
        os.sched_setaffinity(0, {core})
        os.sched_setaffinity(0, mine)
        yield


def cpu_model() -> str:
    """Return the name of the CPU, or its architecture if the kernel does not report a name."""
    for line in _CPUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def governor() -> str:
    """Return the frequency governor; ``unknown`` in most virtual machines, which report none."""
    try:
        return _GOVERNOR.read_text().strip()
    except OSError:
        return "unknown"

"""What is known about the machine that a latency was taken on."""

import os
import platform
from pathlib import Path

_CPUS = Path("/proc/cpuinfo")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


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

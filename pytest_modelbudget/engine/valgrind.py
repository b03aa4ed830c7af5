"""Finds the installed Valgrind, and tells what else a count of instructions depends on."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbudget.judge.findings import UnmeasuredError

_OLDEST = (3, 19)  # older versions were not tested
_INSTALL = "install it, for example with `apt-get install valgrind`"
_TIMEOUT_S = 60


@dataclass(frozen=True)
class Valgrind:
    """An installed Valgrind.

    Attributes:
        program: Its path.
        version: As Valgrind reports it, such as ``valgrind-3.19.0``.
    """

    program: Path
    version: str


def find_valgrind() -> Valgrind:
    """Return the Valgrind on ``PATH``.

    Raises:
        UnmeasuredError: if Valgrind is not on ``PATH``, does not start, or is older than 3.19.
    """
    program = shutil.which("valgrind")
    if program is None:
        raise UnmeasuredError(f"Valgrind, which counts instructions, is missing; {_INSTALL}")
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UnmeasuredError(f"Valgrind does not start: {error}; {_INSTALL}") from error
    version = done.stdout.strip()
    found = re.match(r"valgrind-(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise UnmeasuredError(f"{program} is {version}; install Valgrind {oldest} or newer")
    return Valgrind(Path(os.path.abspath(program)), version)


def machine() -> list[str]:
    """Return what decides which kernels and C functions run under Valgrind on this machine.

    All features of the CPU count, also those that Valgrind does not support and therefore hides,
    because its next version may support them.
    """
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return [os.uname().machine, flags, os.confstr("CS_GNU_LIBC_VERSION") or ""]

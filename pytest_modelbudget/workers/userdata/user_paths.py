"""Tells which paths belong to the user, and not to the system, to Python or to this package."""

import os
import sys
from pathlib import Path

from pytest_modelbudget.protocol.installed import is_installed
from pytest_modelbudget.protocol.surroundings import Surroundings
from pytest_modelbudget.workers.userdata.whose_code import PACKAGE, is_for_the_user

# Devices, and what belongs to the system and is no data of a project.
SYSTEM = (
    *("/proc/", "/sys/", "/dev/", "/bin/"),
    *(f"{root}/lib{bits}/" for root in ("", "/usr") for bits in ("", "32", "64", "x32", "exec")),
    f"{sys.base_prefix}/lib/libpython",
)
IN_MEMORY = "/dev/shm/"
# Libraries read there what belongs to the system; the user's code reads what belongs to a project.
SHARED = ("/etc/", "/usr/share/")


class UserPaths:
    """The paths that a task uses.

    Args:
        surroundings: Where the project is, and which folders are those of the cache.

    Attributes:
        has_relative: Whether a path of the user began at the working folder of the project.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self._own = tuple(f"{path}/" for path in surroundings.own)
        self._working_folder = surroundings.project.working_folder
        self.has_relative = False

    def absolute(self, path: object) -> str:
        """Return the absolute path; empty if it is not of the user, or not a path."""
        if not isinstance(path, str | bytes | os.PathLike):
            return ""
        whole = os.path.abspath(os.fsdecode(path))
        if whole.startswith((*SYSTEM, *self._own, PACKAGE)) and not whole.startswith(IN_MEMORY):
            return ""
        if whole.startswith(SHARED) and not is_for_the_user(sys._getframe(1)):
            return ""
        if is_installed(os.path.dirname(whole)):
            return ""
        if not os.path.isabs(os.fsdecode(path)):
            # Else the code has chosen another folder.
            self.has_relative |= Path.cwd() == self._working_folder
        return whole

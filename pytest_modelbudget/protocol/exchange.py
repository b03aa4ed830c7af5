"""Exchanges two paths at once, so that a reader always finds one of them."""

import ctypes
import os
from pathlib import Path

_AT_FDCWD = -100  # relative paths are relative to the working directory
_RENAME_EXCHANGE = 2


def exchange(one: Path, other: Path) -> None:
    """Exchange two files or folders of one file system.

    A file system that cannot do it at once gets three renames, between which one of them is
    missing.

    Raises:
        OSError: If one of them does not exist, or the directory cannot be written.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    if libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return
    aside = one.with_name(f"{one.name}.aside")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)

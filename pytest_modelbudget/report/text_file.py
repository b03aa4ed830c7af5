"""Writes the file of a report: all of it, or nothing."""

import os
from pathlib import Path
from tempfile import TemporaryFile

from pytest_modelbudget.errors import ModelBudgetError, as_seen
from pytest_modelbudget.protocol.replacing import replace_text


def check_file(path: Path) -> None:
    """Check that a file can be written to ``path``; a folder that is missing can be made.

    Raises:
        ModelBudgetError: If it is a directory, or if it or its folder cannot be written.
    """
    if path.is_dir():
        raise ModelBudgetError(f"{as_seen(path)} is a directory; name a file")
    if path.exists():
        _require(os.access(path, os.W_OK), path, path, "it is read-only")
        if not path.is_file():
            return  # a pipe or a device, such as /dev/stdout
    folder = path.resolve().parent
    while not os.path.lexists(folder):
        folder = folder.parent
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        _require(False, path, folder, error.strerror or str(error))


def write_file(path: Path, text: str) -> None:
    """Write a file that others see as it was or as it will be, and never in part.

    Folders that are missing are made. What a symbolic link points to is replaced, not the link.

    Raises:
        OSError: If it cannot be written.
    """
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_text(target, text)


def _require(is_writable: bool, path: Path, place: Path, why: str) -> None:
    if not is_writable:
        where = "" if place == path else f"{as_seen(place)}: "
        raise ModelBudgetError(f"{as_seen(path)} cannot be written: {where}{why}; name another")

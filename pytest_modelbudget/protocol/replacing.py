"""Files and folders that are written aside and then take the place of what was there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_modelbudget.protocol.exchange import exchange


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield the path of a temporary file or folder that then takes the place of ``target``.

    If the body raises, ``target`` stays as it is.

    Raises:
        OSError: If it cannot be written there.
    """
    staged = target.with_name(f".{target.name}.{os.getpid()}.part")
    delete(staged)
    try:
        yield staged
        if os.path.lexists(target) and (staged.is_dir() or target.is_dir()):
            exchange(staged, target)  # no rename replaces a folder that is not empty
        else:
            staged.replace(target)
    finally:
        delete(staged)


def replace_text(target: Path, text: str) -> None:
    """Write ``text`` to ``target`` as UTF-8: all of it or, if that fails, nothing.

    Raises:
        OSError: If it cannot be written, or if ``target`` is a folder.
    """
    if target.is_dir():
        raise IsADirectoryError(21, "is a directory", str(target))
    with replacing(target) as staged:
        staged.write_text(text, encoding="utf-8")


def delete(path: Path) -> None:
    """Delete a file, a link, or a folder with all that is in it; what does not exist is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

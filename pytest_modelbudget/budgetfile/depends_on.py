"""The files that ``depends_on`` names."""

import glob
import os
from pathlib import Path


def files_of(entry: str, directory: Path) -> list[Path]:
    """Return the files that an entry of ``depends_on`` names now, in order.

    Args:
        entry: A path, or a pattern as ``glob`` has them. A folder stands for everything below it.
        directory: That relative paths begin at.
    """
    if (directory / entry).exists():  # also a name with brackets
        found = [directory / entry]
    else:
        names = glob.glob(entry, root_dir=directory, recursive=True, include_hidden=True)
        found = [directory / name for name in names]
    return sorted({file for path in found for file in _files_below(path)})


def _files_below(path: Path) -> list[Path]:
    """Return the files below ``path``, also behind links to folders, which may form a circle."""
    if not path.is_dir():
        return [path]
    files: list[Path] = []
    entered = set()
    for folder, folders, names in os.walk(path, followlinks=True):
        if (real := os.path.realpath(folder)) in entered:
            folders.clear()
            continue
        entered.add(real)
        files += [Path(folder, name) for name in names if Path(folder, name).is_file()]
    return files

"""Finds files that look like budget files, so that none is left out unnoticed.

It imports only the standard library, because sessions without budget files use it too.
"""

import os
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

GLOBS = ("*.budget.yaml", "*.budget.yml")
"""The names of budget files, unless ``modelbudget_files`` gives others."""

SKIPPED = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}")
"""The folders that pytest skips, unless ``norecursedirs`` gives others."""

_LOOKS = re.compile(r".*\.budgets?\.ya?ml", re.IGNORECASE)
_OF_OTHERS = {".git", ".hg", ".nox", ".svn", ".tox", "__pycache__", "node_modules", "site-packages"}
_MARKS = ("pyvenv.cfg", "conda-meta", "CACHEDIR.TAG")  # virtual environments and caches


def looks_like_budget(name: str) -> bool:
    """Return whether ``name`` looks like that of a budget file, for example ``X.Budgets.YML``."""
    return _LOOKS.fullmatch(name) is not None


def misnamed(shown: str, globs: Sequence[str]) -> str:
    """Return the warning about a file that looks like a budget file and matches no glob."""
    listed = " or ".join(globs)
    return (
        f"{shown} looks like a budget file and is not collected, because its name does not match "
        f"{listed}; rename it, or add its name to modelbudget_files"
    )


def skipped(shown: str, folder: str) -> str:
    """Return the warning about budget files in a folder that pytest skips."""
    return (
        f"{shown} is not collected, because pytest skips the folder {folder}; move the file, "
        f"change norecursedirs, or write --ignore={folder} if this is intended"
    )


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below ``folder`` that look like budget files, in order.

    Virtual environments, caches and folders of tools such as ``.git`` and ``node_modules`` are
    not searched.
    """
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_of_others(Path(parent, name)))
        yield from (Path(parent, name) for name in sorted(files) if looks_like_budget(name))


def is_of_others(folder: Path) -> bool:
    """Return whether the files in ``folder`` belong to a tool and not to the project."""
    return folder.name in _OF_OTHERS or any((folder / mark).exists() for mark in _MARKS)


def is_skipped(name: str, patterns: Sequence[str] = SKIPPED) -> bool:
    """Return whether pytest skips a folder of this name."""
    return any(fnmatch(name, pattern) for pattern in patterns)

"""What a result was made from, as the worker process recorded it while it made the result.

The scheme is that of ccache's direct mode (https://ccache.dev/manual/latest.html#_the_direct_mode)
and of the depfiles of compilers: it need not be known in advance what the user's code reads.

Paths below rootdir are relative to it, so that a checkout may lie anywhere.
"""

import time
from typing import Literal, TypeVar

from pytest_modelbudget.frozen import Frozen, Sequence

T = TypeVar("T")

PROJECT_PATH = "*"
"""Stands for the project's own search path in ``ModuleOrigin.where``."""

ALL_VARIABLES = "*"
"""Stands for the names of all environment variables."""


# Two writes within one tick of the file system's clock may leave the same stamp.
TICK_S = 2.0


class FileStamp(Frozen):
    """What the file system knows of a file or folder; it changes when the content does."""

    size: int
    inode: int
    mtime_ns: int
    ctime_ns: int

    def is_reliable(self) -> bool:
        """Tell whether every later write would give another stamp."""
        return time.time() - max(self.mtime_ns, self.ctime_ns) / 1e9 > TICK_S


class PathState(Frozen):
    """A file by its content, or a folder by its names.

    Attributes:
        path: Absolute, or relative to rootdir.
        sha256: Of the content; empty if there was no such file.
        stamp: With which the content is known to be the same; None if it may be changed
            without a new stamp, because it was written just before.
    """

    path: str
    sha256: str
    stamp: FileStamp | None = None


class ModuleOrigin(Frozen):
    """Where a module was found.

    Attributes:
        name: Its full name.
        where: The folders that were searched.
        origin: Its file, or ``INSTALLED``, or empty if there was none.
    """

    name: str
    where: Sequence[str]
    origin: str


class Presence(Frozen):
    """What was at a path that was only looked for: a file, a folder, or nothing (empty)."""

    path: str
    kind: Literal["file", "folder", ""]


class EnvironmentVariable(Frozen):
    """An environment variable; ``sha256`` is of its value, empty if it was not set.

    That of ``ALL_VARIABLES`` is of the names of all.
    """

    name: str
    sha256: str


class Package(Frozen):
    """An installed package that was imported from."""

    name: str
    version: str


class Dependencies(Frozen):
    """All that one result was made from.

    Attributes:
        working_folder: Where relative paths began; empty if there were none.
        unrecorded: What could not be recorded, each in words.
        declared: Whether the budget's ``depends_on`` stands for what could not be recorded.
    """

    files: Sequence[PathState] = ()
    folders: Sequence[PathState] = ()
    presences: Sequence[Presence] = ()
    modules: Sequence[ModuleOrigin] = ()
    variables: Sequence[EnvironmentVariable] = ()
    packages: Sequence[Package] = ()
    working_folder: str = ""
    unrecorded: Sequence[str] = ()
    declared: bool = False

    @property
    def undeclared(self) -> tuple[str, ...]:
        """What another session could not compare; with any of it, it does not use the result."""
        return () if self.declared else self.unrecorded

    def with_those_of(self, earlier: "Dependencies") -> "Dependencies":
        """Return these and ``earlier``, which a result was made from that this one read."""
        return Dependencies(
            files=_joined(earlier.files, self.files),
            folders=_joined(earlier.folders, self.folders),
            presences=_joined(earlier.presences, self.presences),
            modules=_joined(earlier.modules, self.modules),
            variables=_joined(earlier.variables, self.variables),
            packages=_joined(earlier.packages, self.packages),
            working_folder=self.working_folder or earlier.working_folder,
            unrecorded=_joined(earlier.unrecorded, self.unrecorded),
            declared=self.declared,
        )


def _joined(*parts: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(each for part in parts for each in part))

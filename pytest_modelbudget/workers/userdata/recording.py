"""Notes what a task reads while it runs: modules, files, folders, variables, packages.

How that is seen is in ``hooks.py``, ``audit_events.py`` and ``native_reads.py``.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType

from pytest_modelbudget.budgetfile.depends_on import files_of
from pytest_modelbudget.errors import SourceChangedError
from pytest_modelbudget.protocol.dependencies import (
    PROJECT_PATH,
    Dependencies,
    FileStamp,
    ModuleOrigin,
    PathState,
    Presence,
)
from pytest_modelbudget.protocol.installed import (
    holds_installed,
    is_installed,
    loaded_libraries,
    loaded_packages,
)
from pytest_modelbudget.protocol.surroundings import (
    INSTALLED,
    OF_PYTEST,
    Surroundings,
    stamp_of,
    state_of,
)
from pytest_modelbudget.workers.userdata.user_paths import UserPaths
from pytest_modelbudget.workers.userdata.whose_code import is_for_the_user

_OURS = __name__.partition(".")[0]


class Recording:
    """What one task has read so far.

    Args:
        surroundings: What the states of files and modules are taken from.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._project = surroundings.project
        self._read: dict[str, tuple[FileStamp | None, PathState | None]] = {}
        self._listed: dict[str, PathState] = {}
        self._looked_for: dict[str, Presence] = {}
        self._written: set[str] = set()
        self._made: set[str] = set()
        self._modules: dict[ModuleOrigin, None] = {}
        self._variables: set[str] = set()
        self._unrecorded: dict[str, None] = {}
        self._start_ns = time.time_ns()
        self._paths = UserPaths(surroundings)
        self._project_path = {*self._project.search_path, *sys.path}

    def dependencies(self) -> Dependencies:
        """Return all that was read.

        Raises:
            SourceChangedError: if a file was changed since it was read.
        """
        files = [self._file_read(path, *seen) for path, seen in self._read.items()]
        files += map(self._made_where_missing, self._looked_for)
        declared = self._project.depends_on
        if declared and state_of(declared.entries, declared.folder) != declared.state:
            raise _changed("a file that depends_on names")
        folders = [
            then
            for path, then in self._listed.items()
            if not self._is_temporary(path, then.stamp, stamp_of(Path(path)))
        ]
        return Dependencies(
            files=tuple(each for each in files if each),
            folders=tuple(folders),
            presences=tuple(filter(self._is_left, self._looked_for.values())),
            modules=tuple(self._modules),
            variables=tuple(map(self._surroundings.variable, sorted(self._variables))),
            packages=tuple(map(self._surroundings.package, sorted(loaded_packages()))),
            working_folder=self._surroundings.working_folder if self._paths.has_relative else "",
            unrecorded=tuple(self._unrecorded),
            declared=self._project.depends_on is not None,
        )

    def note_read(self, path: object) -> None:
        """Note that the file at ``path`` is read, or that something looked for it."""
        whole = self._paths.absolute(path)
        if not whole:
            return
        if os.path.isdir(whole):
            self.note_listed(whole)
        elif whole not in self._written and whole not in self._read:
            stamp = stamp_of(Path(whole))
            self._read[whole] = stamp, self._state_if_new(whole, stamp)

    def note_named(self, path: Path) -> None:
        """Note that what the budget file names is read: a file, or everything below a folder."""
        for file in files_of(".", path) if path.is_dir() else [path]:
            self.note_read(file)

    def note_written(self, path: object) -> None:
        """Note that this process makes the file at ``path``."""
        self.note_made(path)
        if (whole := self._paths.absolute(path)) and whole not in self._read:
            self._written.add(whole)

    def note_made(self, path: object) -> None:
        """Note that this process makes, moves or removes what is at ``path``."""
        self._made.add(self._paths.absolute(path))

    def note_looked_for(self, path: object) -> None:
        """Note that the user's code asks what is at ``path``."""
        whole = self._paths.absolute(path)
        # `resolve` asks for each folder above what it is about.
        is_above = holds_installed(whole) or self._surroundings.absolute(".").is_relative_to(whole)
        if whole and not (whole in self._looked_for or is_above or self._is_made(whole)):
            self._looked_for[whole] = self._surroundings.presence(self._project.portable(whole))

    def note_listed(self, path: object) -> None:
        """Note that the names in a folder are read."""
        whole = self._paths.absolute("." if path is None else path)
        if whole and whole not in self._listed:
            self._listed[whole] = self._surroundings.folder(self._project.portable(whole))

    def note_module(self, name: str, where: Sequence[str] | None, spec: ModuleSpec | None) -> None:
        """Note where a module is found, or that it is not.

        Args:
            name: Its full name.
            where: The folders that were searched; None for those of ``sys.path``.
            spec: What was found.
        """
        if name.partition(".")[0] == _OURS:
            return
        origin = self._surroundings.origin(spec)
        if "." in name and (origin == INSTALLED or all(map(is_installed, where or ()))):
            return  # known by the package that it belongs to
        searched = self._searched(sys.path if where is None else where)
        self._modules[ModuleOrigin(name=name, where=searched, origin=origin)] = None

    def note_variable(self, name: object) -> None:
        """Note that an environment variable is read."""
        if isinstance(name, str | bytes) and os.fsdecode(name) != OF_PYTEST:
            self._variables.add(os.fsdecode(name))

    def note_process(self) -> None:
        """Note that a process starts, whose reads are not recorded."""
        self.note_unrecorded("a process of its own")

    def note_unrecorded(self, what: str, frame: FrameType | None = None) -> None:
        """Note something that a result may depend on, if the user's code is doing it.

        Args:
            what: In words.
            frame: What does it; the caller if it is None.
        """
        if is_for_the_user(frame or sys._getframe(1)):
            self._unrecorded[what] = None

    def _searched(self, folders: Sequence[str]) -> tuple[str, ...]:
        places = (
            PROJECT_PATH if each in self._project_path else self._project.portable(each)
            for each in folders
        )
        return tuple(dict.fromkeys(places))

    def _state_if_new(self, path: str, stamp: FileStamp | None) -> PathState | None:
        """Return the state of a file that could be changed without a new stamp."""
        if stamp and stamp.is_reliable():
            return None
        return self._surroundings.file(self._project.portable(path))

    def _file_read(
        self, path: str, stamp: FileStamp | None, then: PathState | None
    ) -> PathState | None:
        now_stamp = stamp_of(Path(path))
        if stamp is None and path in self._made:
            return self._surroundings.file(self._project.portable(path))  # written where missing
        if self._is_temporary(path, stamp, now_stamp):
            return None
        now = self._surroundings.file(self._project.portable(path))
        is_same = now.sha256 == then.sha256 if then else now_stamp == stamp
        if not is_same or stamp_of(Path(path)) != now_stamp:
            raise _changed(now.path)
        return now

    def _made_where_missing(self, path: str) -> PathState | None:
        """Return the state of a file that the code makes where it is missing: else it is read."""
        if self._looked_for[path].kind or path not in self._made or not os.path.isfile(path):
            return None
        return self._surroundings.file(self._project.portable(path))

    def _is_left(self, presence: Presence) -> bool:
        """Tell whether something else does not say more of what was looked for."""
        whole = str(self._surroundings.absolute(presence.path))
        return not (whole in self._read or whole in self._listed or self._is_made(whole))

    def _is_made(self, path: str) -> bool:
        """Tell whether this process made what is at ``path``, or a folder that it is in."""
        return path in self._made or any(str(each) in self._made for each in Path(path).parents)

    def _is_temporary(self, path: str, *stamps: FileStamp | None) -> bool:
        """Tell whether this task made a file in the folder for temporary files by other means."""
        if not path.startswith(f"{tempfile.gettempdir()}/"):
            return False
        if Path(path).is_relative_to(self._surroundings.absolute(".")):
            return False
        is_new = all(each is None or each.ctime_ns >= self._start_ns for each in stamps)
        return (is_new and any(stamps)) or self._is_made(path)

    def note_loaded_libraries(self) -> None:
        """Note extension modules and what they loaded: no audit event has their files."""
        for path in sorted(loaded_libraries()):
            self.note_read(path)


def _changed(path: str) -> SourceChangedError:
    return SourceChangedError(
        f"{path} changed while this was made from it", "run pytest again when nothing changes it"
    )

"""Records what a task reads while it runs: modules, files, folders, variables, packages.

Python's audit events tell of every file that Python opens (PEP 578). What libraries open by
themselves is in ``native_reads.py``.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import FrameType, MappingProxyType, ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.dependencies import (
    PROJECT_PATH,
    Dependencies,
    FileStamp,
    ModuleOrigin,
    PathState,
)
from pytest_modelbudget.protocol.installed import is_installed, look_up, packages_of_modules
from pytest_modelbudget.protocol.surroundings import INSTALLED, TICK_S, Surroundings, stamp_of
from pytest_modelbudget.workers.userdata.native_reads import PREPARE, READERS

# Devices, and what belongs to the system and is no data of a project.
SYSTEM = (
    *("/proc/", "/sys/", "/dev/", "/etc/", "/usr/lib", "/usr/share/", "/lib", "/bin/"),
    f"{sys.base_prefix}/lib/libpython",
)
OURS = __name__.partition(".")[0]
_PACKAGE = str(Path(__file__).parents[2])
_RUN = str(Path(__file__).parents[1] / "run.py")


class Recording:
    """Records from ``start`` to ``finish`` what this process reads.

    Args:
        surroundings: What the states of files and modules are taken from.
        own: Folders in which everything is known by other means.
        declared: Whether ``depends_on`` names what cannot be recorded.
    """

    def __init__(self, surroundings: Surroundings, own: Sequence[Path], *, declared: bool) -> None:
        self._surroundings = surroundings
        self._declared = declared
        self._own = tuple(f"{path}/" for path in own)
        self._read: dict[str, tuple[FileStamp | None, PathState | None]] = {}
        self._listed: dict[str, PathState] = {}
        self._written: set[str] = set()
        self._modules: dict[ModuleOrigin, None] = {}
        self._variables: set[str] = set()
        self._unrecorded: dict[str, None] = {}
        self._start_ns = time.time_ns()
        self._project_path = {*surroundings.search_path, *sys.path}

    def __enter__(self) -> "Recording":
        """Record from now on."""
        global _active
        look_up()
        sys.meta_path.insert(0, _ModuleFinder())
        os.environ.__class__ = _Environ
        # Byte code is known to be current by size and time only, and both can be the same.
        setattr(SourceFileLoader, "path_stats", _no_byte_code)  # noqa: B010 (mypy)
        _add_hook()
        for name in PREPARE:
            _prepare(name)
        _active = self
        return self

    def __exit__(self, *_: object) -> None:
        """Record no more."""
        global _active
        self._note_loaded_libraries()
        _active = None

    def dependencies(self) -> Dependencies:
        """Return all that was read.

        Raises:
            JobError: if a file was changed since it was read.
        """
        files = [self._file_read(path, *seen) for path, seen in self._read.items()]
        folders = [
            then
            for path, then in self._listed.items()
            if not self._is_temporary(path, then.stamp, stamp_of(Path(path)))
        ]
        return Dependencies(
            files=tuple(each for each in files if each),
            folders=tuple(folders),
            modules=tuple(self._modules),
            variables=tuple(map(self._surroundings.variable, sorted(self._variables))),
            packages=tuple(map(self._surroundings.package, sorted(_packages()))),
            unrecorded=tuple(self._unrecorded),
            declared=self._declared,
        )

    def note_read(self, path: object) -> None:
        """Note that the file at ``path`` is read, or that something looked for it."""
        whole = self._of_the_user(path)
        if os.path.isdir(whole):
            self.note_listed(whole)
        elif whole and whole not in self._written and whole not in self._read:
            stamp = stamp_of(Path(whole))
            self._read[whole] = stamp, self._state_if_new(whole, stamp)

    def note_written(self, path: object) -> None:
        """Note that this process makes the file at ``path``."""
        if (whole := self._of_the_user(path)) and whole not in self._read:
            self._written.add(whole)

    def note_listed(self, path: object) -> None:
        """Note that the names in a folder are read."""
        whole = self._of_the_user("." if path is None else path)
        if whole and whole not in self._listed:
            self._listed[whole] = self._surroundings.folder(self._surroundings.portable(whole))

    def note_module(self, name: str, where: Sequence[str] | None, spec: ModuleSpec | None) -> None:
        """Note where a module is found, or that it is not.

        Args:
            name: Its full name.
            where: The folders that were searched; None for those of ``sys.path``.
            spec: What was found.
        """
        if name.partition(".")[0] == OURS:
            return
        origin = self._surroundings.origin(spec)
        if "." in name and (origin == INSTALLED or all(map(is_installed, where or ()))):
            return  # known by the package that it belongs to
        searched = self._searched(sys.path if where is None else where)
        self._modules[ModuleOrigin(name=name, where=searched, origin=origin)] = None

    def note_variable(self, name: object) -> None:
        """Note that an environment variable is read."""
        if isinstance(name, str) and name != "PYTEST_CURRENT_TEST":
            self._variables.add(name)

    def note_unrecorded(self, what: str) -> None:
        """Note something that a result may depend on, if the user's code is doing it."""
        if _is_for_the_user(sys._getframe(1)):
            self._unrecorded[what] = None

    def _searched(self, folders: Sequence[str]) -> tuple[str, ...]:
        places = (
            PROJECT_PATH if each in self._project_path else self._surroundings.portable(each)
            for each in folders
        )
        return tuple(dict.fromkeys(places))

    def _of_the_user(self, path: object) -> str:
        """Return the absolute path; empty if it is not of the user, or not a path."""
        if not isinstance(path, str | bytes | os.PathLike):
            return ""
        whole = os.path.abspath(os.fsdecode(path))
        if whole.startswith((*SYSTEM, *self._own, _PACKAGE)):
            return ""
        return "" if is_installed(os.path.dirname(whole)) else whole

    def _state_if_new(self, path: str, stamp: FileStamp | None) -> PathState | None:
        """Return the state of a file that could be changed without a new stamp."""
        if stamp and time.time() - stamp.ctime_ns / 1e9 > TICK_S:
            return None
        return self._surroundings.file(self._surroundings.portable(path))

    def _file_read(
        self, path: str, stamp: FileStamp | None, then: PathState | None
    ) -> PathState | None:
        now_stamp = stamp_of(Path(path))
        if self._is_temporary(path, stamp, now_stamp):
            return None
        now = self._surroundings.file(self._surroundings.portable(path))
        is_same = now.sha256 == then.sha256 if then else now_stamp == stamp
        if not is_same or stamp_of(Path(path)) != now_stamp:
            raise _changed(now.path)
        return now

    def _is_temporary(self, path: str, *stamps: FileStamp | None) -> bool:
        """Tell whether this task made a file in the folder for temporary files by other means."""
        if not path.startswith(f"{tempfile.gettempdir()}/"):
            return False
        if Path(path).is_relative_to(self._surroundings.absolute(".")):
            return False
        return all(each is None or each.ctime_ns >= self._start_ns for each in stamps)

    def _note_loaded_libraries(self) -> None:
        """Note extension modules and what they loaded: no audit event has their files."""
        with open("/proc/self/maps") as maps:
            for line in maps:
                path = line.rstrip("\n").partition("/")[2]
                if path.endswith(".so") or ".so." in path:
                    self.note_read(f"/{path}")


_active: Recording | None = None


@cache
def _add_hook() -> None:
    sys.addaudithook(_hook)  # it cannot be removed


def _changed(path: str) -> JobError:
    return JobError(
        f"{path} changed while this was made from it", "run pytest again when nothing changes it"
    )


def _packages() -> set[str]:
    """Return the packages of all modules that are loaded."""
    modules = {name.partition(".")[0] for name in sys.modules}
    of_modules = packages_of_modules()
    return {package for module in modules for package in of_modules.get(module, ())}


def _no_byte_code(_loader: SourceFileLoader, path: str) -> Mapping[str, Any]:
    if not is_installed(os.path.dirname(os.path.abspath(path))):
        raise OSError("byte code is not used")  # `SourceLoader.get_code` then reads the source
    found = os.stat(path)
    return {"mtime": found.st_mtime, "size": found.st_size}


def active() -> Recording | None:
    """Return the recording of the task that this process runs, if it runs one now."""
    return _active


_prepared: set[str] = set()


def _prepare(name: str) -> None:
    """Prepare a module that is loaded to note what its library reads by itself."""
    if name in sys.modules and name not in _prepared:
        _prepared.add(name)
        PREPARE[name](sys.modules[name], active)


class _ModuleFinder:
    """Asks the finders after it, and notes what they answer."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = None
        for finder in sys.meta_path:
            if not isinstance(finder, _ModuleFinder):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    break
        if _active and not _noting.is_on:
            with _noting:
                _active.note_module(name, path, spec)
            if name in READERS and _is_of_the_user(_importer(sys._getframe(1))):
                _active.note_unrecorded(f"what {name} reads by itself")
        if spec and spec.loader and name in PREPARE:
            _prepare_when_loaded(spec.loader, name)
        return spec


def _prepare_when_loaded(loader: Any, name: str) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        _prepare(name)

    loader.exec_module = exec_module


def _importer(frame: FrameType | None) -> str:
    """Return the file of the import statement that ``frame`` works for."""
    while frame and frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame.f_code.co_filename if frame else ""


class _Environ(type(os.environ)):  # type: ignore[misc]
    """Notes the variables that the user's code reads, by itself or through a library."""

    def __getitem__(self, name: str) -> str:
        if _active and _is_for_the_user(sys._getframe(1)):
            _active.note_variable(name)
        return str(super().__getitem__(name))

    def __contains__(self, name: object) -> bool:
        if _active and _is_for_the_user(sys._getframe(1)):
            _active.note_variable(name)
        return bool(super().__contains__(name))


def _is_for_the_user(frame: FrameType | None) -> bool:
    """Tell whether the user's code called what ``frame`` does, not the import of a library."""
    while frame:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib") or file == _RUN:
            return False
        if _is_of_the_user(file):
            return True
        frame = frame.f_back
    return False


def _is_of_the_user(file: str) -> bool:
    return not file.startswith(("<frozen ", _PACKAGE)) and not is_installed(os.path.dirname(file))


class _Noting(threading.local):
    """Whether this thread notes something now: what it does for that is not of the user's code."""

    is_on = False

    def __enter__(self) -> None:
        self.is_on = True

    def __exit__(self, *_: object) -> None:
        self.is_on = False


_noting = _Noting()


def _hook(event: str, args: tuple[Any, ...]) -> None:
    note = EVENTS.get(event)
    if note and _active and not _noting.is_on:
        with _noting:
            note(_active, args)


def _opened(recording: Recording, args: tuple[Any, ...]) -> None:
    path, mode, flags = args
    access = flags & os.O_ACCMODE
    if access == os.O_WRONLY or (access == os.O_RDWR and flags & (os.O_TRUNC | os.O_EXCL)):
        recording.note_written(path)
    elif flags & os.O_DIRECTORY:
        recording.note_listed(path)
    elif mode is None and not os.path.lexists(path) and not os.path.isabs(path):
        # `os.open` does not tell the folder in which it opens.
        recording.note_unrecorded(f"the file {os.fsdecode(path)} in a folder that is not known")
    else:
        recording.note_read(path)


def _listed(recording: Recording, args: tuple[Any, ...]) -> None:
    if not sys._getframe(2).f_code.co_filename.startswith("<frozen importlib"):
        folder = args[0]
        is_open = isinstance(folder, int)
        recording.note_listed(os.readlink(f"/proc/self/fd/{folder}") if is_open else folder)


def _connected(recording: Recording, args: tuple[Any, ...]) -> None:
    database = os.fsdecode(args[0])
    is_uri = database.startswith("file:")
    recording.note_read(unquote(urlsplit(database).path) if is_uri else database)


def _unrecorded(what: str, detail: Callable[..., object]) -> Callable[[Recording, Any], None]:
    return lambda recording, args: recording.note_unrecorded(f"{what} {detail(*args)}".rstrip())


def _program(executable: object, args: Sequence[object], *_: object) -> object:
    return executable or (args and args[0])


EVENTS: Mapping[str, Callable[[Recording, Any], None]] = MappingProxyType(
    {
        "open": _opened,
        "os.listdir": _listed,
        "os.scandir": _listed,
        "sqlite3.connect": _connected,
        "subprocess.Popen": _unrecorded("the program", _program),
        "os.posix_spawn": _unrecorded("the program", lambda path, *_: path),
        "os.exec": _unrecorded("the program", lambda path, *_: path),
        "os.system": _unrecorded("the command", os.fsdecode),
        "os.fork": _unrecorded("a process of its own", lambda: ""),
        "socket.connect": _unrecorded("the network:", lambda _socket, address: address),
        "socket.sendto": _unrecorded("the network:", lambda _socket, address: address),
    }
)
"""What to note at which audit event."""

"""What to note at which of Python's audit events: they tell of every file that Python opens.

https://peps.python.org/pep-0578/
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from pytest_modelbudget.workers.userdata.recording import Recording


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


def _in_folder(path: Any, folder: int) -> Any:
    """Return the path of a call that may be relative to an open folder; -1 if it is not."""
    if folder == -1:
        return path
    return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))


def _made_folder(recording: Recording, args: tuple[Any, ...]) -> None:
    path, _, folder = args
    whole = _in_folder(path, folder)
    if not os.path.lexists(whole):  # else this call fails, or `makedirs` ignores that
        recording.note_made(whole)


def _removed(recording: Recording, args: tuple[Any, ...]) -> None:
    recording.note_made(_in_folder(*args))


def _linked(recording: Recording, args: tuple[Any, ...]) -> None:
    recording.note_made(_in_folder(args[1], args[-1]))


def _renamed(recording: Recording, args: tuple[Any, ...]) -> None:
    source, target, source_folder, target_folder = args
    recording.note_made(_in_folder(source, source_folder))
    recording.note_made(_in_folder(target, target_folder))


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
        "os.link": _linked,
        "os.listdir": _listed,
        "os.mkdir": _made_folder,
        "os.remove": _removed,
        "os.rename": _renamed,
        "os.rmdir": _removed,
        "os.scandir": _listed,
        "os.symlink": _linked,
        "sqlite3.connect": _connected,
        "subprocess.Popen": _unrecorded("the program", _program),
        "os.posix_spawn": _unrecorded("the program", lambda path, *_: path),
        "os.exec": _unrecorded("the program", lambda path, *_: path),
        "os.system": _unrecorded("the command", os.fsdecode),
        "os.fork": lambda recording, _: recording.note_process(),
        "os.forkpty": lambda recording, _: recording.note_process(),
        "socket.connect": _unrecorded("the network:", lambda _socket, address: address),
        "socket.sendto": _unrecorded("the network:", lambda _socket, address: address),
    }
)
"""What to note at which audit event."""

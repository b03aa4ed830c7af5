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


def _made_folder(recording: Recording, args: tuple[Any, ...]) -> None:
    if not os.path.lexists(args[0]):  # else this call fails, or `makedirs` ignores that
        recording.note_made(args[0])


def _renamed(recording: Recording, args: tuple[Any, ...]) -> None:
    for path in args[:2]:
        recording.note_made(path)


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
        "os.link": lambda recording, args: recording.note_made(args[1]),
        "os.listdir": _listed,
        "os.mkdir": _made_folder,
        "os.remove": lambda recording, args: recording.note_made(args[0]),
        "os.rename": _renamed,
        "os.rmdir": lambda recording, args: recording.note_made(args[0]),
        "os.scandir": _listed,
        "os.symlink": lambda recording, args: recording.note_made(args[1]),
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

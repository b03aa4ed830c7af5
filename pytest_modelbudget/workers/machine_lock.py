"""One lock for the whole machine: a latency is measured alone, all other work runs side by side.

The lock is ``flock`` on files that are opened read-only, so that every user of the machine can
take it, and the kernel releases it when a process dies. The second file, the turnstile, makes new
work queue behind a measurement that waits; without it, a stream of builds could delay the
measurement for ever.
"""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pytest_modelbudget.errors import JobError


@contextmanager
def shared(on_wait: Callable[[], None]) -> Iterator[None]:
    """Work beside other processes, but never during a measurement.

    Args:
        on_wait: Called before each time that this process has to wait.
    """
    with _open("machine") as machine:
        with _open("turnstile") as turnstile:
            _lock(turnstile, fcntl.LOCK_SH, on_wait)
            _lock(machine, fcntl.LOCK_SH, on_wait)
        yield


@contextmanager
def alone(on_wait: Callable[[], None]) -> Iterator[None]:
    """Work while no other worker process on this machine does.

    Args:
        on_wait: Called before each time that this process has to wait.
    """
    with _open("machine") as machine, _open("turnstile") as turnstile:
        _lock(turnstile, fcntl.LOCK_EX, on_wait)
        _lock(machine, fcntl.LOCK_EX, on_wait)
        yield


@contextmanager
def _open(name: str) -> Iterator[int]:
    path = Path(tempfile.gettempdir()) / f"pytest-modelbudget-{name}.lock"
    try:
        descriptor = _opened(path)
    except OSError as error:
        cause = f"the lock file {path} cannot be opened: {error.strerror}"
        raise JobError(
            cause, "delete it, or let every user read it; an empty file will do"
        ) from error
    try:
        yield descriptor
    finally:
        # A process that the user's code has forked can have the descriptor still.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Open the file at ``path`` for reading; make it first if there is none."""
    # Not with O_CREAT: in a sticky directory, the kernel refuses that for a file of another user.
    with suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    descriptor, unfinished = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        # Whatever the umask is. Other users must never see the file with a stricter mode, so it
        # gets its name last.
        os.fchmod(descriptor, 0o444)
        with suppress(FileExistsError):  # Another process was faster.
            os.link(unfinished, path)
    finally:
        os.close(descriptor)
        os.unlink(unfinished)
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _lock(descriptor: int, kind: int, on_wait: Callable[[], None]) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        on_wait()
        fcntl.flock(descriptor, kind)

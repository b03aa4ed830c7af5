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
from contextlib import contextmanager
from pathlib import Path


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
        # Try without O_CREAT first: in a sticky directory, the kernel refuses O_CREAT on a file of
        # another user.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int, on_wait: Callable[[], None]) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        on_wait()
        fcntl.flock(descriptor, kind)

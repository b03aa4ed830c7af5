"""One lock for the whole machine: latency is measured alone, everything else may share.

Plain ``flock`` on files opened read-only, because every user of the machine must be able
to take part, and the kernel frees it when a process dies. The turnstile keeps a stream of
builds from starving a measurement that waits.
"""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def shared(waiting: Callable[[], None]) -> Iterator[None]:
    """Work beside others, but never beside a measurement; call ``waiting`` before blocking."""
    with _open("machine") as machine:
        with _open("turnstile") as turnstile:
            _lock(turnstile, fcntl.LOCK_SH, waiting)
            _lock(machine, fcntl.LOCK_SH, waiting)
        yield


@contextmanager
def alone(waiting: Callable[[], None]) -> Iterator[None]:
    """Work while nothing else of ours does on this machine."""
    with _open("machine") as machine, _open("turnstile") as turnstile:
        _lock(turnstile, fcntl.LOCK_EX, waiting)
        _lock(machine, fcntl.LOCK_EX, waiting)
        yield


@contextmanager
def _open(name: str) -> Iterator[int]:
    path = Path(tempfile.gettempdir()) / f"pytest-modelbudget-{name}.lock"
    try:
        # Without O_CREAT first: a sticky directory refuses it on another user's file.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int, waiting: Callable[[], None]) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.flock(descriptor, kind)

"""Processes and their descendants on Linux: to start them, to end them, to add up their memory."""

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

# Of <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)


def fork(work: Callable[[], int], end: signal.Signals) -> int:
    """Run ``work`` in a new process, and return its id.

    The process ends as soon as ``work`` has returned: it does not wait for threads and child
    processes that the user's code has started, and it does not return to the caller's code.

    Args:
        work: Returns the exit code.
        end: The signal that the new process gets when this one ends.
    """
    _flush()  # Else what is in the buffers now would be written by both processes.
    parent = os.getpid()
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        _restore_signals()
        end_with_parent(end)
        if os.getppid() == parent:
            code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        _flush()
        os._exit(code)


def end_with_parent(end: signal.Signals) -> None:
    """Let this process get the signal ``end`` when its parent process ends, even if by SIGKILL."""
    _prctl(_PR_SET_PDEATHSIG, end)


def adopt_orphans() -> None:
    """Make descendants whose parent process ends children of this process, daemons included."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def receive_signals(*numbers: signal.Signals) -> int:
    """Return a descriptor from which one byte can be read for each of these signals from now on."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in numbers:
        signal.signal(number, lambda _number, _frame: None)
    return reader


def ended_children() -> dict[int, int]:
    """Reap the children that have ended; return the exit code of each, negative for a signal."""
    ended = {}
    with suppress(ChildProcessError):  # There are no more children.
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = os.waitstatus_to_exitcode(found[1])
    return ended


def end_children(spared: Collection[int] = ()) -> None:
    """Kill and reap the children of this process, and their descendants.

    When a child has ended, its children become those of this process (see ``adopt_orphans``), also
    if they are in a session of their own.

    Args:
        spared: The children that go on.
    """
    while _has_children():
        children = [child for child, parent in _parents().items() if parent == os.getpid()]
        ended = [child for child in children if child not in spared and _was_killed(child)]
        if not ended:
            return
        for child in ended:
            os.waitpid(child, 0)


def memory_bytes(process: int, limit_bytes: int) -> int:
    """Return how much memory ``process`` and its descendants use.

    Memory in the swap space counts, pages of files do not: the kernel can drop them at any time.
    Up to ``limit_bytes`` a page that processes share after a fork counts once for each of them,
    which takes microseconds to read; above, figures are exact, and take up to 0.1 s a process.
    """
    tree = _tree(process)
    fast = sum(_figures(each, "status", ("RssAnon", "RssShmem", "VmSwap")) for each in tree)
    if fast <= limit_bytes:
        return fast
    return sum(_figures(each, "smaps_rollup", ("Pss", "SwapPss")) for each in tree)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # The user's code may have replaced or closed it.
            stream.flush()


def _restore_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _prctl(option: int, argument: int) -> None:
    if _LIBC.prctl(option, ctypes.c_ulong(argument), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _was_killed(process: int) -> bool:
    try:
        os.kill(process, signal.SIGKILL)
    except PermissionError:  # It runs as another user, for example through sudo.
        return False
    return True


def _tree(process: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for child, parent in _parents().items():
        children.setdefault(parent, []).append(child)
    tree = [process]
    for each in tree:  # It grows meanwhile.
        tree += children.get(each, ())
    return tree


def _parents() -> dict[int, int]:
    """Return the parent of each process; not every kernel has ``/proc/PID/task/TID/children``."""
    parents = {}
    for folder in os.listdir("/proc"):
        if folder.isdecimal():
            with (
                suppress(FileNotFoundError, ProcessLookupError),  # It has ended.
                open(f"/proc/{folder}/stat", "rb") as stat,
            ):
                # pid (name) state parent ...; the name may have blanks and parentheses.
                parents[int(folder)] = int(stat.read().rpartition(b")")[2].split(maxsplit=2)[1])
    return parents


def _figures(process: int, file: str, names: Collection[str]) -> int:
    """Return the sum of figures of a process in bytes; 0 if it has ended."""
    total_kib = 0
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path("/proc", str(process), file).read_text().splitlines():
            name, _, value = line.partition(":")
            if name in names:
                total_kib += int(value.split()[0])
    return 1024 * total_kib

"""Supervises one worker process, from a process of its own between it and the fork server.

The end of the worker process is the end of the task: all its descendants are killed then. The
supervisor adopts those whose parent process has ended, so that it finds a daemon in a session of
its own too. Each task needs its own supervisor: the fork server could not tell to which task a
process belongs that it has adopted.

The memory of the worker process and its descendants is watched, not limited by the kernel.
``RLIMIT_AS`` counts address space, of which TensorFlow maps many times what it uses.
``RLIMIT_DATA`` counts thread stacks and memory that is never used, holds for each process alone,
and shows as another error in each library. A cgroup needs rights that a user rarely has.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing, suppress
from multiprocessing.connection import wait
from pathlib import Path

from pytest_modelbudget.protocol.task import (
    LOG,
    TASK,
    Event,
    Failure,
    MemoryLimit,
    SupervisedTask,
)
from pytest_modelbudget.workers.capped_log import CappedLog
from pytest_modelbudget.workers.process_tree import (
    adopt_orphans,
    end_children,
    ended_children,
    fork,
    memory_bytes,
    receive_signals,
)

PIPE_BYTES = 2**20  # more than a pipe holds
# The memory is read again when the limit could be reached, at a speed that few programs reach.
BYTES_PER_S = 8e9
SHORTEST_S, LONGEST_S = 0.05, 1.0
PAUSE_RATIO = 4  # of the pause to what the reading took
OOM_SCORE = 500  # of 1000
HINT = (
    "use a smaller batch_size or data set, or raise the limit with --budget-memory or the ini "
    "option modelbudget_memory"
)
HINT_OOM = (
    "use a smaller batch_size or data set, or let fewer builds run at a time with --budget-jobs"
)


def supervise(folder: Path, work: Callable[[], int], send: Callable[[Event], None]) -> int:
    """Run the task in ``folder`` in a worker process, and return when nothing of it runs any more.

    SIGTERM ends the task early.

    Args:
        folder: A folder with a ``task.json``; the log is written to it.
        work: What the worker process does; returns its exit code.
        send: Sends an event; called when the task has ended.

    Returns:
        The exit code of the supervisor: 0, or 1 if it could not send how the task has ended.
    """
    fork_server = os.getppid()
    memory = SupervisedTask.model_validate_json((folder / TASK).read_bytes()).memory
    signals = receive_signals(signal.SIGCHLD, signal.SIGTERM)
    adopt_orphans()
    output, written = os.pipe()
    kills = _out_of_memory_kills()
    worker = fork(lambda: _begin(written, work), signal.SIGKILL)
    os.close(written)
    with closing(CappedLog(folder / LOG)) as log:
        exitcode, failure = _watch(worker, signals, output, log, memory)
        end_children()
        os.set_blocking(output, False)
        with suppress(BlockingIOError):  # A process of another user can hold the pipe still.
            log.write(os.read(output, PIPE_BYTES))
    if exitcode == -signal.SIGKILL and not failure and _out_of_memory_kills() > kills:
        cause = "the machine ran out of memory, and the kernel killed the worker process"
        failure = Failure(cause=cause, hint=HINT_OOM, expected=True)
    if os.getppid() != fork_server:
        return 1  # The end of the fork server has ended the task, and the engine says so itself.
    if failure:
        send(Event(task=str(folder), happened="failed", failure=failure))
    send(Event(task=str(folder), happened="exited", exitcode=exitcode))
    return 0


def _begin(output: int, work: Callable[[], int]) -> int:
    """Do the work of the worker process, in a session of its own, with its output in a pipe."""
    os.setsid()
    # If the memory of the machine runs out all the same, the kernel shall kill this process first.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    return work()


def _watch(
    worker: int, signals: int, output: int, log: CappedLog, memory: MemoryLimit
) -> tuple[int, Failure | None]:
    """Write the log until the worker process ends, or kill it.

    Returns:
        Its exit code, negative if a signal ended it, and why it was killed for its memory.
    """
    pipes = [signals, output]
    measure_s = time.monotonic() + _pause_s(memory.limit_bytes)
    while True:
        ready = wait(pipes, max(0.0, measure_s - time.monotonic()))
        if output in ready:
            text = os.read(output, PIPE_BYTES)
            log.write(text)
            if not text:  # The user's code has closed its output.
                pipes.remove(output)
        if signals in ready and signal.SIGTERM in os.read(signals, PIPE_BYTES):
            return _kill(worker), None
        if (exitcode := ended_children().get(worker)) is not None:
            return exitcode, None
        if time.monotonic() >= measure_s:
            began_s = time.monotonic()
            left_bytes = memory.limit_bytes - memory_bytes(worker, memory.limit_bytes)
            if left_bytes < 0:
                cause = f"the worker process used more memory than its limit of {memory.shown}"
                return _kill(worker), Failure(cause=cause, hint=HINT, expected=True)
            now_s = time.monotonic()
            measure_s = now_s + max(_pause_s(left_bytes), PAUSE_RATIO * (now_s - began_s))


def _pause_s(left_bytes: int) -> float:
    """Return after how many seconds the limit could be reached."""
    return min(max(SHORTEST_S, left_bytes / BYTES_PER_S), LONGEST_S)


def _kill(worker: int) -> int:
    os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    return os.waitstatus_to_exitcode(status)


def _out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed on this machine because memory ran out."""
    with suppress(OSError):  # Not every container shows the file.
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0  # Linux before 4.13 does not count them.

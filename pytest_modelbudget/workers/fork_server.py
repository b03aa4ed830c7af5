"""Imports expensive modules once, then forks a supervisor and a worker process for each task.

``python -m pytest_modelbudget.workers.fork_server KIND`` reads one command a line from its standard
input, ``run FOLDER``, ``stop FOLDER`` or ``ping``, and writes one ``Event`` a line. A folder is
quoted as in a URL, because its name may have a newline. When the input ends, the fork server ends
too, with all its worker processes.

The fork server of ``multiprocessing`` does not fit: it imports the ``__main__`` of the parent
process again, so that a ``pytest.main()`` without a guard would start again in every worker
process; it is shared with the tests of the user; and it does not report why an import failed.
"""

import gc
import os
import signal
import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from multiprocessing.connection import wait
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

from pytest_modelbudget.protocol import installed
from pytest_modelbudget.protocol.task import Event, Happening
from pytest_modelbudget.workers.process_tree import (
    adopt_orphans,
    end_children,
    end_with_parent,
    ended_children,
    fork,
    receive_signals,
)
from pytest_modelbudget.workers.run import run
from pytest_modelbudget.workers.supervisor import supervise

PRELOADS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "litert": (
            "pytest_modelbudget.workers.measure.accuracy.comparison",
            "pytest_modelbudget.workers.measure.accuracy.evaluate",
            "pytest_modelbudget.workers.measure.latency.timing",
        ),
        "quantizer": (
            "pytest_modelbudget.workers.compress.job",
            "pytest_modelbudget.workers.compress.convert.litert_quantizer",
            "pytest_modelbudget.workers.compress.stages.apply_convert",
            "pytest_modelbudget.workers.compress.stages.apply_quantize",
        ),
        "tensorflow": (
            "tensorflow",
            "pytest_modelbudget.workers.compress.job",
            "pytest_modelbudget.workers.compress.models.sources",
            "pytest_modelbudget.workers.compress.convert.tf_converter",
            # The import of tfmot, which ``sources`` has to come before, and all training.
            "pytest_modelbudget.workers.compress.preflight",
            "pytest_modelbudget.workers.compress.stages.apply_quantize_aware",
        ),
    }
)
"""The modules that each kind of fork server imports before it reads its first command."""

MAX_CHARS = 400  # of a text in an event, so that the whole event stays below PIPE_BUF


def main(kind: str) -> None:
    """Serve tasks in worker processes of ``kind``, a key of ``PRELOADS``, until the input ends."""
    # The input does not end with the parent process if one that it has forked holds the pipe too.
    end_with_parent(signal.SIGTERM)
    # Only events go to the real standard output; all other output goes to standard error.
    events = os.dup(1)
    os.dup2(2, 1)
    environ = dict(os.environ)  # some imports change it, and the search path
    installed.look_up()
    for name in PRELOADS[kind]:
        import_module(name)
    installed.look_up_loaded()
    gc.freeze()  # else each worker process would copy the pages that its garbage collector visits
    _serve(events, environ)


def _serve(events: int, environ: Mapping[str, str]) -> None:
    supervisors: dict[str, int] = {}
    signals = receive_signals(signal.SIGCHLD)
    adopt_orphans()
    _answer(events)
    unread = b""
    while True:
        ready = wait([0, signals])
        if signals in ready:
            os.read(signals, 4096)
            _finish(events, supervisors)
        if 0 in ready:
            received = os.read(0, 65536)
            if not received:
                break
            *commands, unread = (unread + received).split(b"\n")
            for command in commands:
                _execute(events, supervisors, command.decode(), environ)
    for process in supervisors.values():
        os.kill(process, signal.SIGTERM)
    for process in supervisors.values():
        os.waitpid(process, 0)
    end_children()


def _execute(
    events: int, supervisors: dict[str, int], command: str, environ: Mapping[str, str]
) -> None:
    verb, _, quoted = command.partition(" ")
    task = unquote(quoted)
    if verb == "run":
        work = partial(_supervise, events, Path(task), environ)
        supervisors[task] = fork(work, signal.SIGTERM)
    elif verb == "ping":
        _answer(events)
    elif task in supervisors:
        os.kill(supervisors[task], signal.SIGTERM)


def _finish(events: int, supervisors: dict[str, int]) -> None:
    """Forget the tasks whose supervisors have ended."""
    ended = ended_children()
    for task, process in list(supervisors.items()):
        if process in ended:
            del supervisors[task]
            if ended[process]:  # The supervisor was killed, for example by the kernel.
                end_children(spared=supervisors.values())
                _send(events, Event(task=task, happened="exited", exitcode=ended[process]))


def _supervise(events: int, folder: Path, environ: Mapping[str, str]) -> int:
    work = partial(_work, events, folder, environ)
    return supervise(folder, work, partial(_send, events))


def _work(events: int, folder: Path, environ: Mapping[str, str]) -> int:
    """Run a task in its worker process, and return the exit code."""

    def notify(happened: Happening, activity: str) -> None:
        _send(events, Event(task=str(folder), happened=happened, activity=activity[:MAX_CHARS]))

    failure = run(folder, notify, environ)
    if failure is None:
        notify("done", "")
        return 0
    cut = {"cause": failure.cause[:MAX_CHARS], "hint": failure.hint[:MAX_CHARS]}
    failed = failure.model_copy(update=cut)
    _send(events, Event(task=str(folder), happened="failed", failure=failed))
    return 1


def _answer(events: int) -> None:
    _send(events, Event(task="", happened="ready"))


def _send(events: int, event: Event) -> None:
    # A write below PIPE_BUF is atomic, so lines of several worker processes never mix.
    os.write(events, event.model_dump_json().encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # nothing is left to do, and to take all modules down takes longer than a session

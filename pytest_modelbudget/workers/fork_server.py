"""Imports expensive modules once, then forks a worker process for each task.

``python -m pytest_modelbudget.workers.fork_server KIND`` reads one command a line from its standard
input, ``run FOLDER`` or ``stop FOLDER``, and writes one ``Event`` a line. When its input ends, the
fork server ends too, with all its worker processes.

The fork server of ``multiprocessing`` does not fit: it imports the ``__main__`` of the parent
process again, so that a ``pytest.main()`` without a guard would start again in every worker
process; it is shared with the tests of the user; and it does not report why an import failed.
"""

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import MappingProxyType

from pytest_modelbudget.protocol import installed
from pytest_modelbudget.protocol.jobs import LOG, Event, Happening
from pytest_modelbudget.workers.run import run

PRELOADS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "litert": (
            "pytest_modelbudget.workers.measure.accuracy.evaluate",
            "pytest_modelbudget.workers.measure.latency.timing",
        ),
        "quantizer": (
            "pytest_modelbudget.workers.compress.job",
            "pytest_modelbudget.workers.compress.convert.litert_quantizer",
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
    # Only events go to the real standard output; all other output goes to standard error.
    events = os.dup(1)
    os.dup2(2, 1)
    environ = dict(os.environ)  # some imports change it
    for name in PRELOADS[kind]:
        import_module(name)
    installed.look_up()
    _send(events, Event(task="", happened="ready"))
    _serve(events, environ)


def _serve(events: int, environ: Mapping[str, str]) -> None:
    workers: dict[str, BaseProcess] = {}
    unread = b""
    while True:
        ready = wait([0, *(process.sentinel for process in workers.values())])
        for task in [task for task, process in workers.items() if process.sentinel in ready]:
            _finish(events, workers, task)
        if 0 in ready:
            received = os.read(0, 65536)
            if not received:
                for process in workers.values():
                    _kill(process)
                return
            *commands, unread = (unread + received).split(b"\n")
            for command in commands:
                _execute(events, workers, command.decode(), environ)


def _execute(
    events: int, workers: dict[str, BaseProcess], command: str, environ: Mapping[str, str]
) -> None:
    verb, _, task = command.partition(" ")
    if verb == "run":
        workers[task] = get_context("fork").Process(target=_work, args=(events, task, environ))
        workers[task].start()
    elif task in workers:
        _kill(workers[task])


def _finish(events: int, workers: dict[str, BaseProcess], task: str) -> None:
    process = workers.pop(task)
    process.join()
    _kill(process)  # The processes that the task started may still run.
    _send(events, Event(task=task, happened="exited", exitcode=process.exitcode))


def _kill(process: BaseProcess) -> None:
    assert process.pid is not None, "started in _execute"
    process.kill()  # The worker process may not have created its process group yet.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _work(events: int, task: str, environ: Mapping[str, str]) -> None:
    """Run a task in a new worker process, with its own process group and the task's log."""
    os.setsid()
    log = os.open(Path(task) / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)

    def notify(happened: Happening, activity: str) -> None:
        _send(events, Event(task=task, happened=happened, activity=activity[:MAX_CHARS]))

    failure = run(Path(task), notify, environ)
    if failure:
        cut = {"cause": failure.cause[:MAX_CHARS], "hint": failure.hint[:MAX_CHARS]}
        _send(events, Event(task=task, happened="failed", failure=failure.model_copy(update=cut)))
        sys.exit(1)


def _send(events: int, event: Event) -> None:
    # A write below PIPE_BUF is atomic, so lines of several worker processes never mix.
    os.write(events, event.model_dump_json().encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])

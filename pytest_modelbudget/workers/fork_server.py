"""Pays an expensive import once, then forks one process for each task.

``python -m pytest_modelbudget.workers.fork_server KIND`` reads one order a line from its standard
input, ``run FOLDER`` or ``stop FOLDER``, and writes one ``Event`` a line. It is a fork server
of its own rather than ``multiprocessing``'s: that one re-imports the caller's ``__main__``
(an unguarded ``pytest.main()`` would start again in every worker), is shared with the user's
own tests, and hides why a preload failed. When its input ends, it ends, with all its workers.
"""

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from pytest_modelbudget.protocol.jobs import Event, Happening
from pytest_modelbudget.workers.run import LOG, run

PRELOADS = {
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
    ),
}


LONGEST = 400  # characters of a text in an event, so that the event stays below PIPE_BUF


def main(kind: str) -> None:
    """Serve tasks in workers of ``kind``, a key of ``PRELOADS``, until the input ends."""
    # The events keep this descriptor; whatever else is printed goes to standard error.
    events = os.dup(1)
    os.dup2(2, 1)
    for name in PRELOADS[kind]:
        import_module(name)
    _tell(events, Event(task="", happened="ready"))
    _serve(events)


def _serve(events: int) -> None:
    workers: dict[str, BaseProcess] = {}
    unread = b""
    while True:
        ready = wait([0, *(process.sentinel for process in workers.values())])
        for task in [task for task, process in workers.items() if process.sentinel in ready]:
            _report_end(events, workers, task)
        if 0 in ready:
            received = os.read(0, 65536)
            if not received:
                for process in workers.values():
                    _kill(process)
                return
            *orders, unread = (unread + received).split(b"\n")
            for order in orders:
                _obey(events, workers, order.decode())


def _obey(events: int, workers: dict[str, BaseProcess], order: str) -> None:
    verb, _, task = order.partition(" ")
    if verb == "run":
        workers[task] = get_context("fork").Process(target=_work, args=(events, task))
        workers[task].start()
    elif task in workers:
        _kill(workers[task])


def _report_end(events: int, workers: dict[str, BaseProcess], task: str) -> None:
    process = workers.pop(task)
    process.join()
    _kill(process)  # whatever it started and left running
    _tell(events, Event(task=task, happened="exited", exitcode=process.exitcode))


def _kill(process: BaseProcess) -> None:
    assert process.pid is not None, "started in _obey"
    process.kill()  # it may not have made its process group yet
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _work(events: int, task: str) -> None:
    """Be a worker: a process group of its own, its output in the task's log."""
    os.setsid()
    log = os.open(Path(task) / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)

    def report(happened: Happening, activity: str) -> None:
        _tell(events, Event(task=task, happened=happened, activity=activity[:LONGEST]))

    failure = run(Path(task), report)
    if failure:
        cut = {"cause": failure.cause[:LONGEST], "hint": failure.hint[:LONGEST]}
        told = failure.model_copy(update=cut)
        _tell(events, Event(task=task, happened="failed", failure=told))
        sys.exit(1)


def _tell(events: int, event: Event) -> None:
    # A write below PIPE_BUF is atomic, so that lines of several workers never mix.
    os.write(events, event.model_dump_json().encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])

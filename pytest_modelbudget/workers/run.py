"""Runs one task; ``python -m pytest_modelbudget.workers.run FOLDER`` repeats one by hand."""

import faulthandler
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import RESULT, TASK, Failure, Happening, Task
from pytest_modelbudget.protocol.store import Store
from pytest_modelbudget.workers import machine_lock
from pytest_modelbudget.workers.handlers import HANDLERS

Notify = Callable[[Happening, str], None]
"""Called with what happened, and with what the worker is doing."""


def run(folder: Path, notify: Notify) -> Failure | None:
    """Run the task in ``folder``.

    The result goes into the store, or into ``folder`` if results of this type are not stored.

    Args:
        folder: A folder with a ``task.json``.
        notify: Called whenever the activity changes.

    Returns:
        Why the task failed, or None if it succeeded.
    """
    task = Task.model_validate_json((folder / TASK).read_bytes())
    try:
        _run(task, folder, notify)
    except JobError as error:
        return Failure(cause=error.cause, hint=error.hint, expected=True, stage=error.stage)
    except (Exception, SystemExit) as error:  # No other code in this process could report it.
        traceback.print_exc()
        cause = traceback.format_exception_only(error)[-1].strip()
        return Failure(cause=cause, hint="", expected=False)
    return None


def _run(task: Task, folder: Path, notify: Notify) -> None:
    handler = HANDLERS[type(task.job)]
    lock = machine_lock.alone if handler.needs_machine(task.job) else machine_lock.shared

    def on_wait() -> None:
        notify("waiting", "waiting for other work on this machine")

    def progress(activity: str) -> None:
        notify("progress", activity)

    def work(output: Path) -> None:
        notify("started", "")
        faulthandler.dump_traceback_later(task.timeout_s, exit=True)
        result = handler.run(task.job, output, progress)
        (output / RESULT).write_text(result.model_dump_json())

    if not handler.is_stored:
        with lock(on_wait):
            work(folder)
        return
    store = Store(task.store)
    notify("waiting", "waiting for the same work in another process")
    with store.lock(task.key), lock(on_wait):
        # Another process may have stored the result while this one waited.
        if not store.find(task.key, task.made_after_s):
            with store.adding(task.key) as output:
                work(output)


def _run_by_hand(folder: Path) -> int:
    def notify(happened: Happening, activity: str) -> None:
        if activity:
            sys.stderr.write(f"{happened}: {activity}\n")

    failure = run(folder, notify)
    if failure:
        sys.stderr.write(f"failed: {failure.cause}\n{failure.hint}\n")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(_run_by_hand(Path(sys.argv[1])))

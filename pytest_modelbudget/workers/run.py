"""Runs one task; ``python -m pytest_modelbudget.workers.run FOLDER`` repeats one by hand."""

import errno
import faulthandler
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from pytest_modelbudget.errors import JobError, ModelBudgetError, SourceChangedError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.dependencies import Dependencies
from pytest_modelbudget.protocol.jobs import Job, files_read, project_of
from pytest_modelbudget.protocol.store import DEPENDENCIES, Store
from pytest_modelbudget.protocol.surroundings import Surroundings
from pytest_modelbudget.protocol.task import RESULT, TASK, Failure, Happening, Task
from pytest_modelbudget.workers import machine_lock
from pytest_modelbudget.workers.handlers import HANDLERS
from pytest_modelbudget.workers.userdata.hooks import distrust_byte_code, recorded_by
from pytest_modelbudget.workers.userdata.recording import Recording

_FULL = (errno.ENOSPC, errno.EDQUOT)

Notify = Callable[[Happening, str], None]
"""Called with what happened, and with what the worker is doing."""


def run(folder: Path, notify: Notify, environ: Mapping[str, str]) -> Failure | None:
    """Run the task in ``folder``.

    The result goes into the store, or into ``folder`` if results of this type are not stored.

    Args:
        folder: A folder with a ``task.json``.
        notify: Called whenever the activity changes.
        environ: The environment variables that pytest has.

    Returns:
        Why the task failed, or None if it succeeded.
    """
    task = Task.model_validate_json((folder / TASK).read_bytes())
    distrust_byte_code()
    try:
        _run(task, folder, notify, environ)
    except JobError as error:
        hint = "\n".join(filter(None, [_about_rootdir(error, task.job), error.hint]))
        refused = not _is_accident(error)
        return Failure(
            cause=error.cause, hint=hint, expected=True, stage=error.stage, refused=refused
        )
    except ModelBudgetError as error:  # The cache cannot be written.
        return Failure(cause=str(error), hint="", expected=True)
    except BaseException as error:  # No other code in this process could report it.
        traceback.print_exc()
        cause = traceback.format_exception_only(error)[-1].strip()
        if isinstance(error, OSError) and error.errno in _FULL:
            hint = f"free some space for the cache directory {task.store} or for temporary files"
            return Failure(cause=f"the disk is full: {cause}", hint=hint, expected=True)
        return Failure(cause=cause, hint="", expected=False, refused=not _is_accident(error))
    return None


def _is_accident(error: BaseException | None) -> bool:
    """Tell whether the same job may succeed later: a file changed, or memory or a disk was full."""
    while error and not isinstance(error, SourceChangedError | OSError | MemoryError):
        error = error.__cause__
    return error is not None


def _about_rootdir(error: BaseException | None, job: Job) -> str:
    """Return which rootdir the job has and why, if a module was not found."""
    while error and not isinstance(error, ModuleNotFoundError):
        error = error.__cause__
    project = project_of(job)
    return project.why_rootdir if error and project else ""


def _run(task: Task, folder: Path, notify: Notify, environ: Mapping[str, str]) -> None:
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

    if project := project_of(task.job):
        os.chdir(project.working_folder)
    if not handler.is_stored:
        with lock(on_wait):
            work(folder)
        return
    surroundings = Surroundings(project, environ, [task.store]) if project else None
    store = Store(task.store, task.session, rebuild=task.rebuild)
    notify("waiting", "waiting for the same work in another process")
    with store.lock(task.key), lock(on_wait):
        # Another process may have stored the result while this one waited.
        if not store.find(task.key, surroundings):
            with store.adding(task.key) as output:
                if surroundings is None:
                    work(output)
                    return
                with recorded_by(Recording(surroundings)) as recording:
                    for path in files_read(task.job):
                        recording.note_named(path)
                    work(output)
                _keep(recording.dependencies(), task.job, output)


def _keep(dependencies: Dependencies, job: Job, output: Path) -> None:
    """Write what a result was made from, with what the step before it was made from."""
    parent = job.parent if isinstance(job, BuildJob) else None
    if parent:
        content = (parent / DEPENDENCIES).read_bytes()
        dependencies = dependencies.with_those_of(Dependencies.model_validate_json(content))
    (output / DEPENDENCIES).write_text(dependencies.model_dump_json())


def _run_by_hand(folder: Path) -> int:
    def notify(happened: Happening, activity: str) -> None:
        if activity:
            sys.stderr.write(f"{happened}: {activity}\n")

    failure = run(folder, notify, dict(os.environ))
    if failure:
        sys.stderr.write(f"failed: {failure.cause}\n{failure.hint}\n")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(_run_by_hand(Path(sys.argv[1]).absolute()))

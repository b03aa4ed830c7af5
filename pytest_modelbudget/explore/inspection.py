"""Looks into artifacts that need no budget file."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pytest_modelbudget.engine.measurements import CONTENTS_TIMEOUT_S, contents_worker
from pytest_modelbudget.engine.memory_limit import memory_limit
from pytest_modelbudget.engine.processes import WorkerError
from pytest_modelbudget.engine.scheduler import Scheduler
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.errors import ModelBudgetError, not_utf8
from pytest_modelbudget.judge.contents import Contents
from pytest_modelbudget.protocol.digests import digest
from pytest_modelbudget.protocol.measurement_jobs import ContentsJob


def inspect(paths: Sequence[Path]) -> list[Contents]:
    """Return where the bytes of artifacts are; nothing is left in a cache.

    Args:
        paths: Each a ``.tflite``, a ``.keras`` file, or the folder of a SavedModel.

    Raises:
        ModelBudgetError: If a path does not exist, is something else, or is damaged.
    """
    for path in paths:
        if problem := not_utf8(path):
            raise ModelBudgetError(problem)
        if not path.exists():
            raise ModelBudgetError(f"{path} does not exist; correct the path")
    folder = Path(tempfile.mkdtemp(prefix="modelbudget-"))
    keeps_log = False
    try:
        return asyncio.run(_inspect(folder, paths))
    except WorkerError:
        keeps_log = True
        raise
    finally:
        if not keeps_log:
            shutil.rmtree(folder, ignore_errors=True)


async def _inspect(folder: Path, paths: Sequence[Path]) -> list[Contents]:
    scheduler = Scheduler(folder, "inspect", memory_limit(""), rebuild=False)
    try:
        return await asyncio.gather(*(_contents(scheduler, path) for path in paths))
    finally:
        await scheduler.close()


async def _contents(scheduler: Scheduler, path: Path) -> Contents:
    job, status = ContentsJob(divided=path), TaskStatus(f"inspect {path.name}")
    key, kind = digest(["contents", str(path)]), contents_worker(path)
    try:
        done = await scheduler.stored(kind, key, job, Contents, CONTENTS_TIMEOUT_S, status)
    except WorkerError as error:
        failure = status.failure
        if failure is None or not failure.expected:
            raise  # its text names the log
        raise ModelBudgetError("; ".join(filter(None, [failure.cause, failure.hint]))) from error
    return done.result

"""The work of one session: each thing is done once, in a worker process, and kept in the store."""

import asyncio
import shutil
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from pytest_modelbudget.engine.processes import Activity, Foremen, Kind, WorkerError
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.judge.findings import UnmeasuredError
from pytest_modelbudget.protocol.jobs import Job, LatencyJob, StoredJob, TargetJob, Task
from pytest_modelbudget.protocol.store import Entry, Store

RESULT = "result.json"
T = TypeVar("T")
Result = TypeVar("Result", bound=Frozen)


class Work:
    """Tasks filed under their names, on one event loop.

    Args:
        cache_dir: Where results are kept.
        rebuild: Whether only results of this session count.
    """

    def __init__(self, cache_dir: Path, *, rebuild: bool) -> None:
        self._store = Store(cache_dir)
        self._made_after_s = time.time() if rebuild else 0.0
        self._foremen = Foremen()
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        # What takes less than a second need not wait behind a training.
        self.light_slots = asyncio.Semaphore(1)
        self.activities: list[Activity] = []

    def once(self, name: str, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Return the one task of ``name``, begun with ``work`` if it is new."""
        if name not in self._tasks:
            task = self._tasks[name] = asyncio.create_task(work())
            # A failure that nobody waits for, because of -x say, is no noise at the end.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._tasks[name]

    def find(self, key: str) -> Entry | None:
        """Return the entry of ``key`` if it is in the store and counts."""
        return self._store.find(key, self._made_after_s)

    async def stored(
        self, kind: Kind, key: str, job: StoredJob, timeout_s: float, activity: Activity
    ) -> Entry:
        """Run a job whose result goes into the store, and return its verified entry.

        Raises:
            WorkerError: If it failed.
            ModelBudgetError, OSError: If the cache cannot be used.
        """
        try:
            folder = await self._run(kind, key, job, timeout_s, activity)
        except WorkerError:
            self._store.sweep(key)
            raise
        entry = self.find(key)
        if entry is None:
            raise WorkerError(f"its result is not in the cache {self._store.root}, or damaged")
        shutil.rmtree(folder, ignore_errors=True)
        return entry

    async def measured(
        self, kind: Kind, key: str, job: StoredJob, timeout_s: float, activity: Activity
    ) -> Entry:
        """Return the entry of ``key``, made as in ``stored`` if there is none.

        Raises:
            UnmeasuredError: If that failed.
        """
        if entry := self.find(key):
            return entry
        try:
            return await self.stored(kind, key, job, timeout_s, activity)
        except (ModelBudgetError, OSError) as error:
            raise UnmeasuredError(str(error)) from error

    async def taken_now(
        self,
        job: LatencyJob | TargetJob,
        result: type[Result],
        timeout_s: float,
        activity: Activity,
    ) -> Result:
        """Measure what is never served from the store: the machine or the board may differ.

        Raises:
            UnmeasuredError: If it failed.
        """
        try:
            folder = await self._run("litert", "", job, timeout_s, activity)
        except (ModelBudgetError, OSError) as error:
            raise UnmeasuredError(str(error)) from error
        found = read_result(folder, result)
        shutil.rmtree(folder, ignore_errors=True)
        return found

    async def close(self) -> None:
        """Stop all work; what is already in the store stays."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._foremen.close()

    async def _run(
        self, kind: Kind, key: str, job: Job, timeout_s: float, activity: Activity
    ) -> Path:
        task = Task(
            key=key,
            store=self._store.root,
            timeout_s=timeout_s,
            made_after_s=self._made_after_s,
            job=job,
        )
        self.activities.append(activity)
        try:
            return await self._foremen.run(kind, self._store, task, activity)
        finally:
            self.activities.remove(activity)


def read_result(folder: Path, result: type[Result]) -> Result:
    """Read what a worker left in ``folder``."""
    return result.model_validate_json((folder / RESULT).read_bytes())

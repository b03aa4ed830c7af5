"""Runs each task of a session once, in a worker process, and keeps its result in the store."""

import asyncio
import os
import shutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from pytest_modelbudget.engine.processes import ForkServers, WorkerError, WorkerKind
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.judge.findings import UnmeasuredError
from pytest_modelbudget.protocol.jobs import Job, StoredJob, project_of
from pytest_modelbudget.protocol.measurement_jobs import LatencyJob, TargetJob
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.score_jobs import DescribeJob, ReadJob
from pytest_modelbudget.protocol.store import Entry, Store
from pytest_modelbudget.protocol.surroundings import Surroundings
from pytest_modelbudget.protocol.task import RESULT, MemoryLimit, Task

T = TypeVar("T")
Result = TypeVar("Result", bound=Frozen)


@dataclass(frozen=True)
class Found(Generic[Result]):
    """A verified entry of the store, and the result that was read from it."""

    entry: Entry
    result: Result


class Scheduler:
    """The tasks of one session by name, on one event loop.

    Args:
        cache_dir: The directory of the store.
        session: Names the session of pytest, the same in all its processes.
        memory: How much memory each worker process may use.
        rebuild: Whether results of other sessions are ignored.
    """

    def __init__(
        self, cache_dir: Path, session: str, memory: MemoryLimit, *, rebuild: bool
    ) -> None:
        self._store = Store(cache_dir, session, rebuild=rebuild)
        self.session = session
        self._memory = memory
        self._rebuild = rebuild
        self._surroundings: dict[Project, Surroundings] = {}
        self._fork_servers = ForkServers()
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._unfinished: set[str] = set()
        # A task that takes less than a second does not wait for a training.
        self.light_slots = asyncio.Semaphore(1)
        self.running: list[TaskStatus] = []

    def once(self, name: str, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Return the task of this name; start it with ``work`` if there is none."""
        if name not in self._tasks:
            task = self._tasks[name] = asyncio.create_task(work())
            # asyncio would log a failure that is never awaited, for example because of pytest -x.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._tasks[name]

    def find(self, key: str, project: Project | None, result: type[Result]) -> Found[Result] | None:
        """Return an entry of ``key`` if all that it was made from is as it was.

        An entry whose result is of another type is discarded, so that it is made again: another
        version has written it.

        Args:
            key: The key of a result.
            project: Whose code is read for it; None if it is made from its key alone.
            result: The type of the result.
        """
        surroundings = self._surroundings_of(project)
        entry = self._store.find(key, surroundings)
        if entry is None:
            return None
        try:
            return Found(entry, _read(entry.path, result))
        except (OSError, ValidationError):
            self._store.discard(key, entry)
            return None

    def find_content(self, sha256: str) -> Path | None:
        """Return a file or folder of this digest in the store; see ``Store.find_content``."""
        return self._store.find_content(sha256)

    def _surroundings_of(self, project: Project | None) -> Surroundings | None:
        if project is None:
            return None
        if project not in self._surroundings:
            own = [self._store.root]
            self._surroundings[project] = Surroundings(project, os.environ, own)
        return self._surroundings[project]

    async def stored(
        self,
        kind: WorkerKind,
        key: str,
        job: StoredJob,
        result: type[Result],
        timeout_s: float,
        status: TaskStatus,
    ) -> Found[Result]:
        """Run ``job``, and return its result from the store.

        Args:
            kind: The worker process that runs it.
            key: The content key of the result.
            job: What to do.
            result: The type of the result.
            timeout_s: How long it may take once it has started.
            status: Shows the progress.

        Raises:
            WorkerError: if the task failed.
            ModelBudgetError, OSError: if the cache cannot be used.
        """
        self._unfinished.add(key)  # until the worker has stored it; it may be killed meanwhile
        try:
            folder = await self._run(kind, key, job, timeout_s, status)
        except WorkerError:
            self._store.sweep(key)
            raise
        self._unfinished.discard(key)  # another task may have had the same key
        project = project_of(job)
        found = self.find(key, project, result)
        if found is None:
            surroundings = self._surroundings_of(project)
            change = self._store.first_change(key, surroundings)
            gone = f"the result in the cache {self._store.root} is missing or damaged"
            raise WorkerError(f"{change}, which this was made from" if change else gone)
        shutil.rmtree(folder, ignore_errors=True)
        return found

    async def measured(
        self,
        kind: WorkerKind,
        key: str,
        job: StoredJob,
        result: type[Result],
        timeout_s: float,
        status: TaskStatus,
    ) -> Found[Result]:
        """Return what is stored under ``key``; run ``job`` as in ``stored`` if nothing is.

        Raises:
            UnmeasuredError: if that failed.
        """
        if found := self.find(key, project_of(job), result):
            return found
        try:
            return await self.stored(kind, key, job, result, timeout_s, status)
        except (ModelBudgetError, OSError) as error:
            raise UnmeasuredError(str(error)) from error

    async def taken_now(
        self,
        job: ReadJob | DescribeJob | LatencyJob | TargetJob,
        result: type[Result],
        timeout_s: float,
        status: TaskStatus,
        kind: WorkerKind = "litert",
    ) -> Result:
        """Run ``job`` without the store, because its result may differ from that of the last time.

        Raises:
            UnmeasuredError: if the task failed.
        """
        try:
            folder = await self._run(kind, "", job, timeout_s, status)
        except (ModelBudgetError, OSError) as error:
            raise UnmeasuredError(str(error)) from error
        found = _read(folder, result)
        shutil.rmtree(folder, ignore_errors=True)
        return found

    async def close(self) -> None:
        """Stop all tasks; results that are already in the store stay."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._fork_servers.close()
        for key in self._unfinished:
            self._store.sweep(key)

    async def _run(
        self, kind: WorkerKind, key: str, job: Job, timeout_s: float, status: TaskStatus
    ) -> Path:
        task = Task(
            key=key,
            store=self._store.root,
            timeout_s=timeout_s,
            session=self.session,
            rebuild=self._rebuild,
            memory=self._memory,
            job=job,
        )
        self.running.append(status)
        try:
            return await self._fork_servers.run(kind, self._store, task, status)
        finally:
            self.running.remove(status)


def _read(folder: Path, result: type[Result]) -> Result:
    """Read the result that a worker process wrote to ``folder``."""
    return result.model_validate_json((folder / RESULT).read_bytes())

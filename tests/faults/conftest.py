"""A worker that evaluates a small model on what a user's ``data.test`` returns."""

import asyncio
import os
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

import pytest
from pydantic import JsonValue

from pytest_modelbudget.budgetfile.types import CallSource, Metric
from pytest_modelbudget.engine.fingerprint import declared_files
from pytest_modelbudget.engine.processes import ForkServers, WorkerKind
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.protocol.dependencies import Dependencies
from pytest_modelbudget.protocol.digests import digest
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.score_jobs import EvaluateJob
from pytest_modelbudget.protocol.store import Entry, Store
from pytest_modelbudget.protocol.surroundings import Surroundings
from pytest_modelbudget.protocol.task import MemoryLimit, Task
from tests.conftest import temporary_folder

BLOBS = Path(__file__).parents[1] / "models"


class Workers:
    """Fork servers on an event loop of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers = ForkServers()

    def run(self, kind: WorkerKind, store: Store, task: Task, status: TaskStatus) -> None:
        work = self._servers.run(kind, store, task, status)
        done: Future[Path] = asyncio.run_coroutine_threadsafe(work, self._loop)
        done.result(timeout=60)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._servers.close(), self._loop).result(timeout=60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Lab:
    """A project whose evaluation is made, and looked for again as the next session would."""

    def __init__(self, root: Path, workers: Workers) -> None:
        self.root = root
        self.store = root.with_name("store")
        self.sys_path: tuple[str, ...] = (str(root), *sys.path)
        self.args: dict[str, JsonValue] = {}
        self.working_folder = root
        self.depends_on: tuple[str, ...] = ()
        self.kind: WorkerKind = "litert"
        self._workers = workers
        self._outside: list[Path] = []
        for name in ("blobs.py", "blobs.tflite"):
            shutil.copy(BLOBS / name, root)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def remove(self, name: str) -> None:
        """Remove a file outside the project when the test ends."""
        self._outside.append(Path(name))

    def close(self) -> None:
        for path in self._outside:
            path.unlink(missing_ok=True)

    @property
    def key(self) -> str:
        return digest(["an evaluation", bool(self.depends_on)])

    def project(self) -> Project:
        return Project(
            rootdir=self.root,
            working_folder=self.working_folder,
            sys_path=self.sys_path,
            depends_on=declared_files(self.depends_on, self.root),
        )

    def make(self) -> None:
        """Evaluate the model, in a worker process."""
        job = EvaluateJob(
            model=self.root / "blobs.tflite",
            data=CallSource(call="data:test", args=self.args),
            metric=Metric(),
            project=self.project(),
        )
        task = Task(
            key=self.key,
            store=self.store,
            timeout_s=60,
            session="first",
            rebuild=False,
            memory=MemoryLimit(limit_bytes=10**10, shown="10 GB"),
            job=job,
        )
        self.status = TaskStatus("data evaluate")
        self._workers.run(self.kind, Store(self.store, "first"), task, self.status)

    def find(self, environ: Mapping[str, str] | None = None) -> Entry | None:
        """Look for the result as another session does."""
        now = Surroundings(self.project(), environ or os.environ, [self.store])
        return Store(self.store, "second").find(self.key, now)

    def dependencies(self) -> Dependencies:
        now = Surroundings(self.project(), os.environ, [self.store])
        entry = Store(self.store, "first").find(self.key, now)
        assert entry is not None
        return entry.dependencies


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STALE_SET", "1")
        patch.setenv("TMPDIR", temporary_folder())
        patch.setattr(tempfile, "tempdir", None)
        workers = Workers()
        yield workers
        workers.close()


@pytest.fixture
def lab(tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    lab = Lab(root, workers)
    yield lab
    lab.close()

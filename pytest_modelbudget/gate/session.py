"""Makes the pipeline from pytest's options, and shows progress while a test waits for it."""

import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import pytest

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.engine.loop_thread import LoopThread, wait_for
from pytest_modelbudget.engine.memory_limit import memory_limit
from pytest_modelbudget.engine.pipeline import BuildError, Pipeline, PipelineOptions
from pytest_modelbudget.engine.supported_versions import unsupported_versions
from pytest_modelbudget.errors import not_utf8
from pytest_modelbudget.gate.progress import StatusLine
from pytest_modelbudget.gate.recorder import SESSION_NAME
from pytest_modelbudget.gate.rootdir import rootdir_with_reason
from pytest_modelbudget.judge.contents_diff import ContentsSince
from pytest_modelbudget.judge.details import VariantDetails
from pytest_modelbudget.judge.findings import FileSize, Findings, StageScore
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.protocol.measurement_jobs import Adb
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.task import MemoryLimit
from pytest_modelbudget.units.invalid import InvalidValueError

T = TypeVar("T")


class Session:
    """The pipeline of one session, on an event loop in a thread of its own.

    Builds continue there while pytest runs other tests.

    Args:
        config: pytest's configuration, for the options and the terminal.
    """

    def __init__(self, config: pytest.Config) -> None:
        _refuse(config, unsupported_versions())
        options = pipeline_options(config)
        paths = (options.cache_dir, *options.project.search_path)
        _refuse(config, list(filter(None, map(not_utf8, paths))))
        self._loop = LoopThread()
        self._submit = self._loop.submit
        self._pipeline = self._submit(Pipeline.open(options)).result()
        self._status_line = StatusLine(config, self._pipeline)
        self._told: dict[str, str] = {}

    def start(self, budget: Budget, limits: Iterable[Limit]) -> None:
        """Start to build and evaluate what ``limits`` need, and return at once."""
        self._submit(self._pipeline.begin(budget, limits))

    def build(self, budget: Budget, limit: Limit) -> BuildError | None:
        """Wait until everything that ``limit`` needs is built; return why it could not be built."""
        try:
            self._wait(self._submit(self._pipeline.build(budget, limit)))
        except BuildError as error:
            return error
        return None

    def explain(self, error: BuildError, nodeid: str) -> str:
        """Return the text of ``error`` for the item ``nodeid``.

        The first item that needed what failed shows everything, the others refer to it. Under
        xdist each worker process shows everything once: it does not know what the others showed.
        """
        first = self._told.setdefault(error.failed, nodeid)
        if first == nodeid:
            return str(error)
        cause = str(error).partition("\n")[0]
        return f"not built: see the error of {first}\n{cause}"

    def find(self, budget: Budget, limit: Limit) -> Findings:
        """Wait until everything that ``limit`` needs is measured, and return it.

        Raises:
            UnmeasuredError: if a measurement failed.
        """
        return self._wait(self._submit(self._pipeline.find(budget, limit)))

    def explain_size(self, budget: Budget) -> FileSize | None:
        """Wait for what explains the size of the variant's file; None if nothing does."""
        return self._wait(self._submit(self._pipeline.explain_size(budget)))

    def contents(self, budget: Budget, limit: Limit) -> ContentsSince | None:
        """Wait for where the bytes of the artifact are, and what grew; None if it is not known."""
        return self._wait(self._submit(self._pipeline.contents(budget, limit)))

    def stage_scores(self, budget: Budget) -> tuple[StageScore, ...]:
        """Wait for the scores after each stage of the variant's recipe."""
        return self._wait(self._submit(self._pipeline.stage_scores(budget)))

    def details(self, budget: Budget, limit: Limit, findings: Findings) -> VariantDetails:
        """Wait for what reports show of the variant beside its limits; see ``Pipeline.details``."""
        return self._wait(self._submit(self._pipeline.details(budget, limit, findings)))

    def close(self) -> None:
        """Stop all tasks, all worker processes and the event loop."""
        self._submit(self._pipeline.close()).result()
        self._loop.close()

    def _wait(self, future: "Future[T]") -> T:
        with self._status_line:
            return wait_for(future, self._status_line.show)


SESSION = pytest.StashKey[Session]()


def session_of(config: pytest.Config) -> Session:
    """Return the one session of ``config``; it is made when it is first needed."""
    if SESSION not in config.stash:
        session = config.stash[SESSION] = Session(config)
        config.add_cleanup(session.close)
    return config.stash[SESSION]


def _refuse(config: pytest.Config, problems: Sequence[str]) -> None:
    """Refuse to start if there are problems."""
    if problems and hasattr(config, "workerinput"):
        # pytest-xdist starts a worker again that ends with a usage error.
        pytest.fail("\n".join(problems), pytrace=False)
    if problems:
        raise pytest.UsageError(*problems)


def pipeline_options(config: pytest.Config) -> PipelineOptions:
    """Resolve the options; a command-line option takes precedence over the ini file."""
    cache = config.option.budget_cache
    cache_dir = (
        Path.cwd() / cache if cache else config.rootpath / config.getini("modelbudget_cache")
    )
    return PipelineOptions(
        cache_dir=cache_dir,
        session=_session_name(config),
        jobs=_jobs(config),
        memory=_memory(config),
        rebuild=config.option.budget_rebuild or config.getini("modelbudget_rebuild"),
        project=Project(
            rootdir=config.rootpath,
            working_folder=config.invocation_params.dir,
            why_rootdir=rootdir_with_reason(config),
            # What is no folder is left as it is, because it may stand for an import hook.
            sys_path=tuple(
                os.path.abspath(path) if os.path.exists(path or ".") else path for path in sys.path
            ),
        ),
        adb=_adb(config),
    )


def _session_name(config: pytest.Config) -> str:
    """Return a name that all processes of pytest-xdist share, and no other session has."""
    workerinput: dict[str, str] = getattr(config, "workerinput", {})
    return workerinput.get(SESSION_NAME) or os.urandom(16).hex()


def _memory(config: pytest.Config) -> MemoryLimit:
    written = config.option.budget_memory or config.getini("modelbudget_memory")
    try:
        return memory_limit(written.strip())
    except InvalidValueError as error:
        raise pytest.UsageError(f"modelbudget_memory: {error}") from error


def _adb(config: pytest.Config) -> Adb:
    option = config.option
    given, written = option.budget_adb_benchmark, config.getini("modelbudget_adb_benchmark")
    path = Path.cwd() / given if given else config.rootpath / written
    return Adb(
        program=option.budget_adb or config.getini("modelbudget_adb"),
        serial=option.budget_adb_serial or config.getini("modelbudget_adb_serial"),
        benchmark_model=path if given or written else None,
    )


def _jobs(config: pytest.Config) -> int:
    given, ini = config.option.budget_jobs, config.getini("modelbudget_jobs")
    written = ini or max(1, (os.cpu_count() or 1) // 2) if given is None else given
    try:
        jobs = int(written)
    except ValueError:
        jobs = 0
    if jobs < 1:
        raise pytest.UsageError(
            f"modelbudget_jobs: expected a whole number above 0, got {written!r}"
        )
    return jobs

"""One pytest session's pipeline: made from its options, waited for with patience and a word."""

import os
import sys
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import pytest

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.engine.builder import BuildError
from pytest_modelbudget.engine.pipeline import Pipeline, PipelineOptions
from pytest_modelbudget.gate.background import Background
from pytest_modelbudget.gate.progress import Waiting
from pytest_modelbudget.judge.findings import FileSize, Findings
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.protocol.jobs import Adb, Project

T = TypeVar("T")
LOOK_S = 0.25


class Session:
    """The pipeline of one session, on its background loop.

    Args:
        config: pytest's configuration, for the options and the terminal.
    """

    def __init__(self, config: pytest.Config) -> None:
        options = _options(config)
        self._background = Background()
        self._pipeline = self._background.submit(_open(options)).result()
        self._waiting = Waiting(config, self._pipeline.running)

    def begin(self, budget: Budget, limits: Iterable[Limit]) -> None:
        """Begin all that ``limits`` need, and return at once."""
        self._background.submit(self._pipeline.begin(budget, limits))

    def build(self, budget: Budget, limit: Limit) -> BuildError | None:
        """Wait until all that ``limit`` needs is built, and return why it could not be."""
        try:
            self._wait(self._background.submit(self._pipeline.build(budget, limit)))
        except BuildError as error:
            return error
        return None

    def find(self, budget: Budget, limit: Limit) -> Findings:
        """Wait until all that ``limit`` needs is measured; raises ``UnmeasuredError``."""
        return self._wait(self._background.submit(self._pipeline.find(budget, limit)))

    def explain_size(self, budget: Budget) -> FileSize | None:
        """Wait for what tells why a file is as large as it is; None if nothing does."""
        return self._wait(self._background.submit(self._pipeline.explain_size(budget)))

    def close(self) -> None:
        """Stop all work and all worker processes."""
        self._background.submit(self._pipeline.close()).result()
        self._background.close()

    def _wait(self, future: "Future[T]") -> T:
        with self._waiting:
            while True:
                try:
                    return future.result(timeout=LOOK_S)
                except TimeoutError:
                    if future.done():  # the work itself raised it
                        return future.result()
                    self._waiting.show()


async def _open(options: PipelineOptions) -> Pipeline:
    return Pipeline(options)


def _options(config: pytest.Config) -> PipelineOptions:
    """Resolve the options, each against its ini twin."""
    cache = config.option.budget_cache
    cache_dir = (
        Path.cwd() / cache if cache else config.rootpath / config.getini("modelbudget_cache")
    )
    return PipelineOptions(
        cache_dir=cache_dir,
        jobs=_jobs(config),
        rebuild=config.option.budget_rebuild or config.getini("modelbudget_rebuild"),
        project=Project(
            rootdir=config.rootpath, sys_path=tuple(os.path.abspath(path) for path in sys.path)
        ),
        adb=_adb(config),
    )


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
    written = config.option.budget_jobs or config.getini("modelbudget_jobs")
    try:
        jobs = int(written or max(1, (os.cpu_count() or 1) // 2))
    except ValueError:
        jobs = 0
    if jobs < 1:
        raise pytest.UsageError(
            f"modelbudget_jobs: expected a whole number above 0, got {written!r}"
        )
    return jobs

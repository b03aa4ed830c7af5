"""Measures an artifact: structure, memory, latency, and the figures of its target."""

from collections.abc import Awaitable

from pytest_modelbudget.budgetfile.types import Budget
from pytest_modelbudget.engine.plan import tool_versions
from pytest_modelbudget.engine.scheduler import Scheduler, read_result
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.judge.findings import Artifact
from pytest_modelbudget.judge.results import Arena, Figure, Figures, LatencySample, Structure
from pytest_modelbudget.protocol.jobs import (
    Adb,
    InspectJob,
    LatencyBound,
    LatencyJob,
    MemoryJob,
    Project,
    TargetJob,
)
from pytest_modelbudget.protocol.store import digest

LATENCY_TIMEOUT_S = 120.0
LATE_S = 30.0
TIMES: dict[str, Figure] = {
    "max_latency": "p50",
    "max_latency_p90": "p90",
    "max_latency_p99": "p99",
}
RATIO: dict[str, Figure] = {"max_latency_ratio": "ratio"}


class Measurements:
    """The measurements of one session.

    Every method raises ``UnmeasuredError`` if the measurement failed.
    """

    def __init__(self, scheduler: Scheduler, project: Project, adb: Adb) -> None:
        self._scheduler = scheduler
        self._project = project
        self._adb = adb

    def structure(self, artifact: Artifact, budget: Budget) -> Awaitable[Structure]:
        """Read the structure from the flatbuffer."""

        async def read() -> Structure:
            key = digest(["structure", artifact.sha256, tool_versions()])
            job = InspectJob(inspected=artifact.path)
            status = TaskStatus(f"{budget.title} inspect")
            entry = await self._scheduler.measured("litert", key, job, budget.timeout_s, status)
            return read_result(entry.path, Structure)

        return self._scheduler.once(f"inspect {artifact.sha256}", read)

    def arena(self, artifact: Artifact, budget: Budget) -> Awaitable[Arena]:
        """Return the tensor arena that LiteRT plans."""
        job = MemoryJob(model=artifact.path, batch_size=budget.latency.batch_size)

        async def plan() -> Arena:
            key = digest(["arena", artifact.sha256, job.batch_size, tool_versions()])
            status = TaskStatus(f"{budget.title} memory")
            entry = await self._scheduler.measured("litert", key, job, budget.timeout_s, status)
            return read_result(entry.path, Arena)

        return self._scheduler.once(f"arena {artifact.sha256} {job.batch_size}", plan)

    def latency(
        self, artifact: Artifact, baseline: Artifact | None, budget: Budget
    ) -> Awaitable[LatencySample]:
        """Time a model, once for all limits in seconds; with ``baseline``, both by turns."""
        figures = RATIO if baseline else TIMES
        job = LatencyJob(
            model=artifact.path,
            baseline=baseline.path if baseline else None,
            bounds=tuple(
                LatencyBound(figure=figures[limit.name], bound=float(limit.bound))
                for limit in budget.limits
                if limit.name in figures and isinstance(limit.bound, int | float)
            ),
            threads=budget.latency.threads,
            batch_size=budget.latency.batch_size,
        )
        status = TaskStatus(f"{budget.title} latency")
        return self._scheduler.once(
            f"latency {job.model_dump_json()}",
            lambda: self._scheduler.taken_now(job, LatencySample, LATENCY_TIMEOUT_S, status),
        )

    def figures(self, artifact: Artifact, budget: Budget) -> Awaitable[Figures]:
        """Return the figures that the target reports."""
        job = TargetJob(
            model=artifact.path,
            target=budget.latency.target,
            threads=budget.latency.threads,
            batch_size=budget.latency.batch_size,
            timeout_s=budget.timeout_s,
            adb=self._adb,
            project=self._project,
        )
        status = TaskStatus(f"{budget.title} target")
        # The worker process stops a hanging target itself and reports the target's output.
        timeout_s = job.timeout_s + LATE_S
        return self._scheduler.once(
            f"target {job.model_dump_json()}",
            lambda: self._scheduler.taken_now(job, Figures, timeout_s, status),
        )

"""What is measured on an artifact itself: structure, memory, latency, and what a target says."""

from collections.abc import Awaitable

from pytest_modelbudget.budgetfile.types import Budget
from pytest_modelbudget.engine.plan import tool_versions
from pytest_modelbudget.engine.processes import Activity
from pytest_modelbudget.engine.scheduler import Work, read_result
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


class Measuring:
    """All measurements of artifacts in one session; what fails raises ``UnmeasuredError``."""

    def __init__(self, work: Work, project: Project, adb: Adb) -> None:
        self._work = work
        self._project = project
        self._adb = adb

    def structure(self, artifact: Artifact, budget: Budget) -> Awaitable[Structure]:
        """Read the flatbuffer."""

        async def read() -> Structure:
            key = digest(["structure", artifact.sha256, tool_versions()])
            job = InspectJob(inspected=artifact.path)
            activity = Activity(f"{budget.title} inspect")
            entry = await self._work.measured("litert", key, job, budget.timeout_s, activity)
            return read_result(entry.path, Structure)

        return self._work.once(f"inspect {artifact.sha256}", read)

    def arena(self, artifact: Artifact, budget: Budget) -> Awaitable[Arena]:
        """Let LiteRT plan its arena."""
        job = MemoryJob(model=artifact.path, batch_size=budget.latency.batch_size)

        async def plan() -> Arena:
            key = digest(["arena", artifact.sha256, job.batch_size, tool_versions()])
            activity = Activity(f"{budget.title} memory")
            entry = await self._work.measured("litert", key, job, budget.timeout_s, activity)
            return read_result(entry.path, Arena)

        return self._work.once(f"arena {artifact.sha256} {job.batch_size}", plan)

    def latency(
        self, artifact: Artifact, baseline: Artifact | None, budget: Budget
    ) -> Awaitable[LatencySample]:
        """Time a model once for all its limits in seconds, or in turn with its baseline."""
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
        activity = Activity(f"{budget.title} latency")
        return self._work.once(
            f"latency {job.model_dump_json()}",
            lambda: self._work.taken_now(job, LatencySample, LATENCY_TIMEOUT_S, activity),
        )

    def figures(self, artifact: Artifact, budget: Budget) -> Awaitable[Figures]:
        """Ask the target."""
        job = TargetJob(
            model=artifact.path,
            target=budget.latency.target,
            threads=budget.latency.threads,
            batch_size=budget.latency.batch_size,
            timeout_s=budget.timeout_s,
            adb=self._adb,
            project=self._project,
        )
        activity = Activity(f"{budget.title} target")
        # The worker stops what hangs by itself, and says what it wrote.
        timeout_s = job.timeout_s + LATE_S
        return self._work.once(
            f"target {job.model_dump_json()}",
            lambda: self._work.taken_now(job, Figures, timeout_s, activity),
        )

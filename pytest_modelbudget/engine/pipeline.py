"""The way of the data in one session: plan, build, measure, each thing once.

Every result is a task filed under its content key, so that variants with a common
beginning share it, and whoever needs a result waits for the same one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbudget.budgetfile.types import Budget, Limit
from pytest_modelbudget.engine.builder import BuildError, Builds
from pytest_modelbudget.engine.evaluations import Scoring
from pytest_modelbudget.engine.measurements import Measuring
from pytest_modelbudget.engine.other_forms import FileSize
from pytest_modelbudget.engine.processes import Activity
from pytest_modelbudget.engine.scheduler import Work
from pytest_modelbudget.judge.findings import Findings, Need, UnmeasuredError
from pytest_modelbudget.judge.gauges import gauge_of
from pytest_modelbudget.protocol.jobs import Adb, Project


@dataclass(frozen=True)
class Settings:
    """How a session runs: options resolved, paths absolute."""

    cache_dir: Path
    jobs: int
    rebuild: bool
    project: Project
    adb: Adb


class Pipeline:
    """Plans, builds and measures for one session, on one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._work = Work(settings.cache_dir, rebuild=settings.rebuild)
        self._builds = Builds(self._work, settings.project, settings.jobs)
        self._scoring = Scoring(self._work, self._builds)
        self._measuring = Measuring(self._work, settings.project, settings.adb)

    @property
    def activities(self) -> list[Activity]:
        """What is being done now."""
        return self._work.activities

    async def begin(self, budget: Budget, limits: Iterable[Limit]) -> None:
        """Begin all that ``limits`` need, except latencies, whether or not anybody waits."""
        try:
            plan = self._builds.plan(budget)
        except BuildError:
            return  # `build` raises it again, for each item that needs it
        for limit in limits:
            needs = _needs(limit, budget)
            if "score" in needs:
                self._scoring.comparison(budget, paired="baseline" in needs)
            if "ratio" in needs and plan.baseline:
                self._builds.artifact(plan.baseline, budget)
            if "artifact" in needs:
                self._builds.artifact(plan.step, budget)

    async def build(self, budget: Budget, limit: Limit) -> None:
        """Wait until the variant is built, and its baseline where ``limit`` needs it.

        Raises:
            BuildError: If a step could not be built.
        """
        needs = _needs(limit, budget)
        if not needs:
            return
        plan = self._builds.plan(budget)
        await self._builds.artifact(plan.step, budget)
        if needs & {"baseline", "ratio"} and plan.baseline:
            await self._builds.artifact(plan.baseline, budget)

    async def find(self, budget: Budget, limit: Limit) -> Findings:
        """Measure what ``limit`` needs.

        Raises:
            UnmeasuredError: If that could not be done.
        """
        needs = gauge_of(limit, budget).needs
        plan = self._builds.plan(budget)
        artifact = await self._builds.artifact(plan.step, budget)
        score = baseline = comparison = latency = structure = figures = arena = None
        if "score" in needs:
            score = await self._scoring.score(budget)
            comparison = await self._scoring.comparison(budget, paired="baseline" in needs)
        if "baseline" in needs:
            baseline = await self._scoring.baseline(budget)
        if "latency" in needs:
            latency = await self._measuring.latency(artifact, None, budget)
        if "ratio" in needs:
            assert plan.baseline is not None, "the reader refuses a ratio to a fixed baseline"
            against = await self._builds.artifact(plan.baseline, budget)
            latency = await self._measuring.latency(artifact, against, budget)
        if "structure" in needs:
            structure = await self._measuring.structure(artifact, budget)
        if "figures" in needs:
            figures = await self._measuring.figures(artifact, budget)
        if "arena" in needs:
            arena = await self._measuring.arena(artifact, budget)
        return Findings(
            artifact=artifact,
            metric=str(budget.metric),
            higher_is_better=budget.metric.higher_is_better,
            score=score,
            baseline=baseline,
            comparison=comparison,
            confident=budget.confidence is not None,
            latency=latency,
            structure=structure,
            figures=figures,
            arena=arena,
        )

    async def explain_size(self, budget: Budget) -> FileSize | None:
        """Tell why the variant's file is as large as it is; see ``Builds``."""
        return await self._builds.explain_size(budget)

    async def close(self) -> None:
        """Stop all work; what is already in the store stays."""
        await self._work.close()


def _needs(limit: Limit, budget: Budget) -> frozenset[Need]:
    try:
        return gauge_of(limit, budget).needs
    except UnmeasuredError:
        return frozenset()  # `find` raises it again, for the item itself

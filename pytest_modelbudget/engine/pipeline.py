"""Plans, builds and measures the variants of one session.

Every result has one task under its content key: variants whose recipes begin alike share the
steps of the beginning, and all that need a result wait for the same task.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbudget.budgetfile.types import Budget, Limit
from pytest_modelbudget.engine.builder import Builder, BuildError
from pytest_modelbudget.engine.evaluations import Evaluations
from pytest_modelbudget.engine.measurements import Measurements
from pytest_modelbudget.engine.other_forms import FileSize
from pytest_modelbudget.engine.scheduler import Scheduler
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.judge.findings import Findings, Need, UnmeasuredError
from pytest_modelbudget.judge.gauges import gauge_of
from pytest_modelbudget.protocol.jobs import Adb, Project


@dataclass(frozen=True)
class PipelineOptions:
    """The options of one session, resolved; paths are absolute."""

    cache_dir: Path
    jobs: int
    rebuild: bool
    project: Project
    adb: Adb


class Pipeline:
    """Plans, builds and measures for one session, on one event loop."""

    def __init__(self, options: PipelineOptions) -> None:
        self._scheduler = Scheduler(options.cache_dir, rebuild=options.rebuild)
        self._builder = Builder(self._scheduler, options.project, options.jobs)
        self._evaluations = Evaluations(self._scheduler, self._builder)
        self._measurements = Measurements(self._scheduler, options.project, options.adb)

    @property
    def running(self) -> list[TaskStatus]:
        """The tasks that run now."""
        return self._scheduler.running

    @property
    def planned_builds(self) -> int:
        """How many builds this session needs, as far as is known now."""
        return self._builder.planned

    async def begin(self, budget: Budget, limits: Iterable[Limit]) -> None:
        """Start everything that ``limits`` need, except latency measurements."""
        try:
            plan = self._builder.plan(budget)
        except BuildError:
            return  # `build` raises it again for each item
        for limit in limits:
            needs = _needs(limit, budget)
            if "score" in needs:
                self._evaluations.comparison(budget, paired="baseline" in needs)
            if "ratio" in needs and plan.baseline:
                self._builder.artifact(plan.baseline, budget)
            if "artifact" in needs:
                self._builder.artifact(plan.step, budget)

    async def build(self, budget: Budget, limit: Limit) -> None:
        """Wait until the variant is built, and its baseline where ``limit`` needs it.

        Raises:
            BuildError: if a step could not be built.
        """
        needs = _needs(limit, budget)
        if not needs:
            return
        plan = self._builder.plan(budget)
        await self._builder.artifact(plan.step, budget)
        if needs & {"baseline", "ratio"} and plan.baseline:
            await self._builder.artifact(plan.baseline, budget)

    async def find(self, budget: Budget, limit: Limit) -> Findings:
        """Measure everything that ``limit`` needs.

        Raises:
            UnmeasuredError: if a measurement failed.
        """
        needs = gauge_of(limit, budget).needs
        plan = self._builder.plan(budget)
        artifact = await self._builder.artifact(plan.step, budget)
        score = baseline = comparison = latency = structure = figures = arena = None
        if "score" in needs:
            score = await self._evaluations.score(budget)
            comparison = await self._evaluations.comparison(budget, paired="baseline" in needs)
        if "baseline" in needs:
            baseline = await self._evaluations.baseline(budget)
        if "latency" in needs:
            latency = await self._measurements.latency(artifact, None, budget)
        if "ratio" in needs:
            assert plan.baseline is not None, "the reader refuses a ratio to a fixed baseline"
            against = await self._builder.artifact(plan.baseline, budget)
            latency = await self._measurements.latency(artifact, against, budget)
        if "structure" in needs:
            structure = await self._measurements.structure(artifact, budget)
        if "figures" in needs:
            figures = await self._measurements.figures(artifact, budget)
        if "arena" in needs:
            arena = await self._measurements.arena(artifact, budget)
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
        """Explain the size of the variant's file; see ``Builder.explain_size``."""
        return await self._builder.explain_size(budget)

    async def close(self) -> None:
        """Stop all tasks; results that are already in the store stay."""
        await self._scheduler.close()


def _needs(limit: Limit, budget: Budget) -> frozenset[Need]:
    try:
        return gauge_of(limit, budget).needs
    except UnmeasuredError:
        return frozenset()  # `find` raises it again when the item runs

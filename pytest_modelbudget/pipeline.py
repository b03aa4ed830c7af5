"""The way of the data in one session: plan, build, measure, each thing once.

Every result is a task filed under its content key, so that variants with a common
beginning share it, and whoever needs a result waits for the same one.
"""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pytest_modelbudget.budgetfile.types import Budget, FixedBaseline, Limit
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.fingerprint import Fingerprints
from pytest_modelbudget.gauges import Artifact, Findings, Need, UnmeasuredError, gauge_of
from pytest_modelbudget.jobs import (
    BuildJob,
    Built,
    EvaluateJob,
    Figure,
    InspectJob,
    LatencyBound,
    LatencyJob,
    LatencySample,
    Project,
    Score,
    Structure,
    Task,
)
from pytest_modelbudget.plan import Plan, Step, make_plan, tool_versions
from pytest_modelbudget.processes import Activity, Foremen, Kind, WorkerError
from pytest_modelbudget.store import Entry, Store, digest

RESULT = "result.json"
LATENCY_TIMEOUT_S = 120.0
TIMES: dict[str, Figure] = {
    "max_latency": "p50",
    "max_latency_p90": "p90",
    "max_latency_p99": "p99",
}
RATIO: dict[str, Figure] = {"max_latency_ratio": "ratio"}
T = TypeVar("T")


class BuildError(ModelBudgetError):
    """A step of a recipe that could not be built; every item that needs it shows this."""


@dataclass(frozen=True)
class Settings:
    """How a session runs: options resolved, paths absolute."""

    cache_dir: Path
    jobs: int
    rebuild: bool
    project: Project


class Pipeline:
    """Plans, builds and measures for one session, on one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._store = Store(settings.cache_dir)
        self._made_after_s = time.time() if settings.rebuild else 0.0
        self._project = settings.project
        search_path = (*settings.project.sys_path, str(settings.project.rootdir))
        self._fingerprints = Fingerprints(search_path)
        self._foremen = Foremen()
        self._build_slots = asyncio.Semaphore(settings.jobs)
        # Without TensorFlow a build takes less than a second: it need not wait behind a training.
        self._light_slots = asyncio.Semaphore(1)
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._plans: dict[int, Plan] = {}
        self.activities: list[Activity] = []

    async def begin(self, budget: Budget, limits: Iterable[Limit]) -> None:
        """Begin all that ``limits`` need, except latencies, whether or not anybody waits."""
        for limit in limits:
            needs = _needs(limit, budget)
            try:
                plan = self._plan(budget)
            except (ModelBudgetError, OSError):
                return  # `build` raises it again, for each item that needs it
            if "baseline" in needs and plan.baseline:
                self._score(plan, plan.baseline, budget)
            if "score" in needs:
                self._score(plan, plan.step, budget)
            if "ratio" in needs and plan.baseline:
                self._artifact(plan.baseline, budget)
            if "artifact" in needs:
                self._artifact(plan.step, budget)

    async def build(self, budget: Budget, limit: Limit) -> None:
        """Wait until the variant is built, and its baseline where ``limit`` needs it.

        Raises:
            BuildError: If a step could not be built.
        """
        needs = _needs(limit, budget)
        if not needs:
            return
        try:
            plan = self._plan(budget)
        except (ModelBudgetError, OSError) as error:
            raise BuildError(str(error)) from error
        await self._artifact(plan.step, budget)
        if needs & {"baseline", "ratio"} and plan.baseline:
            await self._artifact(plan.baseline, budget)

    async def find(self, budget: Budget, limit: Limit) -> Findings:
        """Measure what ``limit`` needs.

        Raises:
            UnmeasuredError: If that could not be done.
        """
        needs = gauge_of(limit, budget).needs
        plan = self._plan(budget)
        artifact = await self._artifact(plan.step, budget)
        score = baseline = latency = structure = None
        if "score" in needs:
            score = await self._score(plan, plan.step, budget)
        if "baseline" in needs:
            baseline = await self._baseline(plan, budget)
        if "latency" in needs:
            latency = await self._latency(artifact, None, budget)
        if "ratio" in needs:
            assert plan.baseline is not None, "the reader refuses a ratio to a fixed baseline"
            against = await self._artifact(plan.baseline, budget)
            latency = await self._latency(artifact, against, budget)
        if "structure" in needs:
            structure = await self._structure(artifact, budget)
        metric = budget.metric
        return Findings(
            artifact=artifact,
            metric=str(metric),
            higher_is_better=metric.higher_is_better,
            score=score,
            baseline=baseline,
            latency=latency,
            structure=structure,
        )

    async def close(self) -> None:
        """Stop all work; what is already in the store stays."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._foremen.close()

    def _plan(self, budget: Budget) -> Plan:
        if id(budget) not in self._plans:
            self._plans[id(budget)] = make_plan(budget, self._fingerprints, self._project)
        return self._plans[id(budget)]

    def _once(self, name: str, work: Callable[[], Coroutine[Any, Any, T]]) -> Awaitable[T]:
        """Return the one task of ``name``, begun with ``work`` if it is new."""
        if name not in self._tasks:
            task = self._tasks[name] = asyncio.create_task(work())
            # A failure that nobody waits for, because of -x say, is no noise at the end.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._tasks[name]

    def _artifact(self, step: Step, budget: Budget) -> Awaitable[Artifact]:
        return self._once(f"build {step.key}", lambda: self._make_artifact(step, budget))

    async def _make_artifact(self, step: Step, budget: Budget) -> Artifact:
        if entry := self._store.find(step.key, self._made_after_s):
            return _read_artifact(entry, cached=True)
        parent = await self._artifact(step.parent, budget) if step.parent else None
        job = step.job.model_copy(update={"parent": parent and parent.path.parent})
        kind: Kind = "tensorflow" if step.tensorflow else "quantizer"
        activity = Activity(f"{budget.variant or budget.span.path.stem} {step.job.stage.kind}")
        async with self._build_slots if step.tensorflow else self._light_slots:
            try:
                entry = await self._stored(kind, step.key, job, step.timeout_s, activity)
            except (WorkerError, ModelBudgetError, OSError) as error:
                raise BuildError(f"{step.span}: {step.where}: {error}") from error
        return _read_artifact(entry, cached=False)

    def _score(self, plan: Plan, step: Step, budget: Budget) -> Awaitable[Score]:
        assert plan.evaluation is not None, "the reader refuses an accuracy limit without data.test"
        name = f"score {step.key} {plan.evaluation.key}"
        return self._once(name, lambda: self._make_score(plan, step, budget))

    async def _make_score(self, plan: Plan, step: Step, budget: Budget) -> Score:
        evaluation = plan.evaluation
        assert evaluation is not None
        artifact = await self._artifact(step, budget)
        key = digest([artifact.sha256, evaluation.key])
        entry = self._store.find(key, self._made_after_s)
        if entry is None:
            job = EvaluateJob(
                model=artifact.path,
                data=evaluation.data,
                metric=evaluation.metric,
                project=evaluation.project,
            )
            kind: Kind = "tensorflow" if evaluation.tensorflow else "litert"
            activity = Activity(f"{budget.variant or budget.span.path.stem} evaluate")
            async with self._light_slots:
                entry = await self._measured(kind, key, job, evaluation.timeout_s, activity)
        return Score.model_validate_json((entry.path / RESULT).read_bytes())

    async def _baseline(self, plan: Plan, budget: Budget) -> float:
        if isinstance(budget.baseline, FixedBaseline):
            return budget.baseline.score
        assert plan.baseline is not None, "only a fixed baseline has no step"
        return (await self._score(plan, plan.baseline, budget)).value

    def _structure(self, artifact: Artifact, budget: Budget) -> Awaitable[Structure]:
        return self._once(
            f"inspect {artifact.sha256}", lambda: self._make_structure(artifact, budget)
        )

    async def _make_structure(self, artifact: Artifact, budget: Budget) -> Structure:
        key = digest(["structure", artifact.sha256, tool_versions()])
        entry = self._store.find(key, self._made_after_s)
        if entry is None:
            job = InspectJob(inspected=artifact.path)
            activity = Activity(f"{budget.variant or budget.span.path.stem} inspect")
            entry = await self._measured("litert", key, job, budget.timeout_s, activity)
        return Structure.model_validate_json((entry.path / RESULT).read_bytes())

    def _latency(
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
        activity = Activity(f"{budget.variant or budget.span.path.stem} latency")
        return self._once(f"latency {job.model_dump_json()}", lambda: self._time(job, activity))

    async def _time(self, job: LatencyJob, activity: Activity) -> LatencySample:
        """Time a model now: a latency is never served from the store, the machine may differ."""
        try:
            folder = await self._run("litert", "", job, LATENCY_TIMEOUT_S, activity)
        except (ModelBudgetError, OSError) as error:
            raise UnmeasuredError(str(error)) from error
        sample = LatencySample.model_validate_json((folder / RESULT).read_bytes())
        shutil.rmtree(folder, ignore_errors=True)
        return sample

    async def _measured(
        self,
        kind: Kind,
        key: str,
        job: EvaluateJob | InspectJob,
        timeout_s: float,
        activity: Activity,
    ) -> Entry:
        """As ``_stored``; what goes wrong leaves the limit unmeasured."""
        try:
            return await self._stored(kind, key, job, timeout_s, activity)
        except (ModelBudgetError, OSError) as error:
            raise UnmeasuredError(str(error)) from error

    async def _stored(
        self,
        kind: Kind,
        key: str,
        job: BuildJob | EvaluateJob | InspectJob,
        timeout_s: float,
        activity: Activity,
    ) -> Entry:
        """Run a job whose result goes into the store, and return its verified entry."""
        try:
            folder = await self._run(kind, key, job, timeout_s, activity)
        except WorkerError:
            self._store.sweep(key)
            raise
        entry = self._store.find(key, self._made_after_s)
        if entry is None:
            raise WorkerError(f"its result is not in the cache {self._store.root}, or damaged")
        shutil.rmtree(folder, ignore_errors=True)
        return entry

    async def _run(
        self,
        kind: Kind,
        key: str,
        job: BuildJob | EvaluateJob | InspectJob | LatencyJob,
        timeout_s: float,
        activity: Activity,
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


def _needs(limit: Limit, budget: Budget) -> frozenset[Need]:
    try:
        return gauge_of(limit, budget).needs
    except UnmeasuredError:
        return frozenset()  # `find` raises it again, for the item itself


def _read_artifact(entry: Entry, *, cached: bool) -> Artifact:
    built = Built.model_validate_json((entry.path / RESULT).read_bytes())
    return Artifact(
        path=entry.path / built.file,
        sha256=entry.sha256[built.file],
        size_bytes=built.size_bytes,
        gzip_bytes=built.gzip_bytes,
        seconds=built.seconds,
        cached=cached,
    )

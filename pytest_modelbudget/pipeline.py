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
from pytest_modelbudget.file_size import FileSize, OtherSize, other_forms, why_as_large
from pytest_modelbudget.fingerprint import Fingerprints
from pytest_modelbudget.gauges import Artifact, Findings, Need, UnmeasuredError, gauge_of
from pytest_modelbudget.jobs import (
    Adb,
    Arena,
    Built,
    CompareJob,
    Comparison,
    EvaluateJob,
    Figure,
    Figures,
    InspectJob,
    Job,
    LatencyBound,
    LatencyJob,
    LatencySample,
    MemoryJob,
    PreflightJob,
    Project,
    Score,
    StoredJob,
    Structure,
    TargetJob,
    Task,
)
from pytest_modelbudget.plan import Plan, Step, make_plan, tool_versions
from pytest_modelbudget.preflight import PreflightError, training_steps
from pytest_modelbudget.processes import Activity, Foremen, Kind, WorkerError
from pytest_modelbudget.store import Entry, Store, digest

RESULT = "result.json"
LATENCY_TIMEOUT_S = 120.0
USUAL_CONFIDENCE = 0.95  # of the intervals that are shown where the budget asks for none
LATE_S = 30.0
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
    adb: Adb


class Pipeline:
    """Plans, builds and measures for one session, on one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._store = Store(settings.cache_dir)
        self._made_after_s = time.time() if settings.rebuild else 0.0
        self._project = settings.project
        self._adb = settings.adb
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
            if "score" in needs:
                self._comparison(plan, budget, "baseline" in needs)
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
        score = baseline = comparison = latency = structure = figures = arena = None
        if "score" in needs:
            score = await self._score(plan, plan.step, budget)
            comparison = await self._comparison(plan, budget, "baseline" in needs)
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
        if "figures" in needs:
            figures = await self._figures(artifact, budget)
        if "arena" in needs:
            arena = await self._arena(artifact, budget)
        metric = budget.metric
        return Findings(
            artifact=artifact,
            metric=str(metric),
            higher_is_better=metric.higher_is_better,
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
        """Make what the recipe could end in instead, to tell why the file is as large as it is.

        Returns:
            None where no stage leaves it as large as before.
        """
        if not (why := why_as_large(budget)):
            return None
        artifact = await self._artifact(self._plan(budget).step, budget)
        others = [OtherSize("gzip", artifact.gzip_bytes, "what max_gzip_bytes limits")]
        for form in other_forms(budget):
            step = make_plan(form.budget, self._fingerprints, self._project).step
            try:
                size_bytes = (await self._artifact(step, form.budget)).size_bytes
                others.append(OtherSize(form.name, size_bytes, form.written))
            except BuildError as error:
                cause = str(error.__cause__).partition("\n")[0]
                others.append(OtherSize(form.name, None, cause))
        return FileSize(why, tuple(others))

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

    def _artifact(
        self, step: Step, budget: Budget, *, looked_at: bool = False
    ) -> Awaitable[Artifact]:
        return self._once(f"build {step.key}", lambda: self._make_artifact(step, budget, looked_at))

    async def _make_artifact(self, step: Step, budget: Budget, looked_at: bool) -> Artifact:
        if entry := self._store.find(step.key, self._made_after_s):
            return _read_artifact(entry, cached=True)
        if not looked_at:  # its children have done so for the whole chain
            await self._preflight(step, budget)
        parent = await self._artifact(step.parent, budget, looked_at=True) if step.parent else None
        job = step.job.model_copy(update={"parent": parent and parent.path.parent})
        kind: Kind = "tensorflow" if step.tensorflow else "quantizer"
        activity = Activity(f"{budget.variant or budget.span.path.stem} {step.job.stage.kind}")
        async with self._build_slots if step.tensorflow else self._light_slots:
            try:
                entry = await self._stored(kind, step.key, job, step.timeout_s, activity)
            except (WorkerError, ModelBudgetError, OSError) as error:
                raise BuildError(f"{step.span}: {step.where}: {error}") from error
        return _read_artifact(entry, cached=False)

    async def _preflight(self, step: Step, budget: Budget) -> None:
        """Look at all that is going to be trained for ``step``, before the first training."""
        chain = training_steps(step)
        if not chain or self._store.find(chain[-1].key, self._made_after_s):
            return
        try:
            await self._once(f"preflight {chain[-1].key}", lambda: self._look(chain, budget))
        except PreflightError as error:
            refused = chain[error.stage]
            raise BuildError(f"{refused.span}: {refused.where}: {error}") from error

    async def _look(self, chain: tuple[Step, ...], budget: Budget) -> None:
        key = digest(["preflight", chain[-1].key])
        if self._store.find(key, self._made_after_s):
            return
        job = PreflightJob(steps=tuple(step.job for step in chain))
        activity = Activity(f"{budget.variant or budget.span.path.stem} preflight")
        async with self._build_slots:
            try:
                await self._stored("tensorflow", key, job, chain[-1].timeout_s, activity)
            except (ModelBudgetError, OSError) as error:
                stage = activity.failure.stage if activity.failure else 0
                raise PreflightError(str(error), stage) from error

    async def _score(self, plan: Plan, step: Step, budget: Budget) -> Score:
        scored = await self._evaluated(plan, step, budget)
        return Score.model_validate_json((scored.path / RESULT).read_bytes())

    def _evaluated(self, plan: Plan, step: Step, budget: Budget) -> Awaitable[Entry]:
        assert plan.evaluation is not None, "the reader refuses an accuracy limit without data.test"
        name = f"evaluate {step.key} {plan.evaluation.key}"
        return self._once(name, lambda: self._evaluate(plan, step, budget))

    async def _evaluate(self, plan: Plan, step: Step, budget: Budget) -> Entry:
        evaluation = plan.evaluation
        assert evaluation is not None
        artifact = await self._artifact(step, budget)
        key = digest(["score", artifact.sha256, evaluation.key])
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
        return entry

    async def _baseline(self, plan: Plan, budget: Budget) -> float:
        if isinstance(budget.baseline, FixedBaseline):
            return budget.baseline.score
        assert plan.baseline is not None, "only a fixed baseline has no step"
        return (await self._score(plan, plan.baseline, budget)).value

    def _comparison(self, plan: Plan, budget: Budget, paired: bool) -> Awaitable[Comparison]:
        assert plan.evaluation is not None
        against = (plan.baseline.key if plan.baseline else str(budget.baseline)) if paired else ""
        name = f"compare {plan.step.key} {against} {plan.evaluation.key} {budget.confidence}"
        return self._once(name, lambda: self._compare(plan, budget, paired))

    async def _compare(self, plan: Plan, budget: Budget, paired: bool) -> Comparison:
        evaluation = plan.evaluation
        assert evaluation is not None
        before = paired and plan.baseline and self._evaluated(plan, plan.baseline, budget)
        scored = await self._evaluated(plan, plan.step, budget)
        baseline: Path | float | None = None
        against: str | float = ""
        if before:
            entry = await before
            baseline, against = entry.path, entry.key
        elif paired and isinstance(budget.baseline, FixedBaseline):
            baseline = against = budget.baseline.score
        confidence = budget.confidence or USUAL_CONFIDENCE
        key = digest(["comparison", scored.key, against, confidence, tool_versions()])
        found = self._store.find(key, self._made_after_s)
        if found is None:
            job = CompareJob(
                scored=scored.path,
                baseline=baseline,
                metric=evaluation.metric,
                confidence=confidence,
                project=evaluation.project,
            )
            kind: Kind = "tensorflow" if evaluation.tensorflow else "litert"
            activity = Activity(f"{budget.variant or budget.span.path.stem} compare")
            found = await self._measured(kind, key, job, evaluation.timeout_s, activity)
        return Comparison.model_validate_json((found.path / RESULT).read_bytes())

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

    def _figures(self, artifact: Artifact, budget: Budget) -> Awaitable[Figures]:
        job = TargetJob(
            model=artifact.path,
            target=budget.latency.target,
            threads=budget.latency.threads,
            batch_size=budget.latency.batch_size,
            timeout_s=budget.timeout_s,
            adb=self._adb,
            project=self._project,
        )
        activity = Activity(f"{budget.variant or budget.span.path.stem} target")
        return self._once(f"target {job.model_dump_json()}", lambda: self._ask(job, activity))

    async def _ask(self, job: TargetJob, activity: Activity) -> Figures:
        """Ask a target now: another board may be there than the last time."""
        try:
            # The worker stops what hangs by itself, and says what it wrote.
            folder = await self._run("litert", "", job, job.timeout_s + LATE_S, activity)
        except (ModelBudgetError, OSError) as error:
            raise UnmeasuredError(str(error)) from error
        figures = Figures.model_validate_json((folder / RESULT).read_bytes())
        shutil.rmtree(folder, ignore_errors=True)
        return figures

    def _arena(self, artifact: Artifact, budget: Budget) -> Awaitable[Arena]:
        job = MemoryJob(model=artifact.path, batch_size=budget.latency.batch_size)
        name = f"arena {artifact.sha256} {job.batch_size}"
        return self._once(name, lambda: self._make_arena(artifact, job, budget))

    async def _make_arena(self, artifact: Artifact, job: MemoryJob, budget: Budget) -> Arena:
        key = digest(["arena", artifact.sha256, job.batch_size, tool_versions()])
        entry = self._store.find(key, self._made_after_s)
        if entry is None:
            activity = Activity(f"{budget.variant or budget.span.path.stem} memory")
            entry = await self._measured("litert", key, job, budget.timeout_s, activity)
        return Arena.model_validate_json((entry.path / RESULT).read_bytes())

    async def _measured(
        self,
        kind: Kind,
        key: str,
        job: StoredJob,
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
        job: StoredJob,
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
        job: Job,
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
        layers_left="\n".join(
            f"left by {stage}: {why}"
            for stage, selection in built.selections
            if (why := selection.why_left())
        ),
    )

"""Plans, builds and measures the variants of one session.

Every result has one task under its content key: variants whose recipes begin alike share the
steps of the beginning, and all that need a result wait for the same task.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.budgetfile.targets import target_kind
from pytest_modelbudget.engine.accepted_comparisons import AcceptedComparisons
from pytest_modelbudget.engine.builder import Builder, StepError
from pytest_modelbudget.engine.evaluations import Evaluations
from pytest_modelbudget.engine.findings_gatherer import FindingsGatherer
from pytest_modelbudget.engine.measurements import Measurements
from pytest_modelbudget.engine.plan import Plan, Step
from pytest_modelbudget.engine.planner import Planner
from pytest_modelbudget.engine.processes import WorkerKind
from pytest_modelbudget.engine.scheduler import Scheduler
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.engine.variant_details import VariantDetailsGatherer, distribution
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.judge.contents_diff import ContentsSince
from pytest_modelbudget.judge.details import VariantDetails
from pytest_modelbudget.judge.findings import FileSize, Findings, Need, StageScore, UnmeasuredError
from pytest_modelbudget.judge.limits import LIMITS
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.judge.results.model_description import ModelDescription
from pytest_modelbudget.protocol.measurement_jobs import Adb
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.score_jobs import DescribeJob
from pytest_modelbudget.protocol.task import MemoryLimit


@dataclass(frozen=True)
class PipelineOptions:
    """The options of one session, resolved; paths are absolute."""

    cache_dir: Path
    session: str
    jobs: int
    memory: MemoryLimit
    rebuild: bool
    project: Project
    adb: Adb


class BuildError(ModelBudgetError):
    """A variant that could not be built, with the place in its own budget file.

    Attributes:
        failed: What failed, the same for every variant that needs it: the step's key, or the
            whole text if there is no step because the plan could not be made.
    """

    def __init__(self, text: str, failed: str = "") -> None:
        super().__init__(text)
        self.failed = failed or text


class Pipeline:
    """Plans, builds and measures for one session, on one event loop."""

    def __init__(self, options: PipelineOptions) -> None:
        self._scheduler = Scheduler(
            options.cache_dir, options.session, options.memory, rebuild=options.rebuild
        )
        self._planner = Planner(options.project)
        self._builder = Builder(self._scheduler, options.jobs)
        self._evaluations = Evaluations(self._scheduler, self._builder)
        self._measurements = Measurements(self._scheduler, options.adb)
        self._findings = FindingsGatherer(self._builder, self._evaluations, self._measurements)
        self._variant_details = VariantDetailsGatherer(
            self._builder, self._evaluations, self._measurements
        )
        self._comparisons = AcceptedComparisons(
            self._scheduler, self._evaluations, self._measurements
        )
        self._scored: dict[Budget, Limit] = {}
        self._detailed: set[Budget] = set()

    @classmethod
    async def open(cls, options: PipelineOptions) -> "Pipeline":
        """Make a pipeline on the running event loop."""
        return cls(options)

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
        limits = tuple(limits)
        try:
            plan = self._plan(budget)
            if any("latency" in _needs(limit, plan) for limit in limits):
                self._findings.will_time(plan)
            if scored := [limit for limit in limits if "score" in _needs(limit, plan)]:
                self._scored[budget] = scored[0]
            await self._rehearse(plan, self._scored.get(budget))
        except BuildError:
            return  # `build` raises it again for each item
        for limit in limits:
            needs = _needs(limit, plan)
            if "score" in needs:
                self._evaluations.comparison(plan, paired="baseline" in needs)
            if "ratio" in needs and isinstance(plan.baseline, Step):
                self._builder.artifact(plan.baseline)
            self._builder.artifact(plan.step)

    async def build(self, budget: Budget, limit: Limit) -> None:
        """Wait until the variant is built, and its baseline where ``limit`` needs it.

        Raises:
            BuildError: if a step could not be built.
        """
        plan = self._plan(budget)
        own = limit if "score" in _needs(limit, plan) else None
        await self._rehearse(plan, self._scored.get(budget, own))
        try:
            await self._builder.artifact(plan.step)
            if _needs(limit, plan) & {"baseline", "ratio"} and isinstance(plan.baseline, Step):
                await self._builder.artifact(plan.baseline)
        except StepError as error:
            raise BuildError(_located(error, plan), error.step.key) from error

    async def find(self, budget: Budget, limit: Limit) -> Findings:
        """Measure everything that ``limit`` needs.

        Raises:
            UnmeasuredError: if a measurement failed.
        """
        plan = self._plan(budget)
        needs = _needs(limit, plan)
        findings = await self._findings.gather(budget, plan, needs)
        return await self._comparisons.added_to(findings, plan, limit, needs)

    async def _rehearse(self, plan: Plan, scored: Limit | None) -> None:
        """Evaluate before any training what needs none, so that wrong data or metrics show.

        Args:
            plan: The plan of the variant.
            scored: A limit that needs a score, if there is one.

        Raises:
            BuildError: if it cannot be evaluated.
        """
        if scored is None or plan.evaluation is None or not self._builder.trains(plan.step):
            return
        try:
            await self._evaluations.rehearse(plan)
        except UnmeasuredError as error:
            text = f"{scored.span}: {scored.name}: the evaluation before the training failed"
            failed = f"{plan.rehearsal.key} {plan.evaluation.key}"
            raise BuildError(f"{text}: {error}", failed) from error

    async def describe(self, budget: Budget) -> ModelDescription:
        """Describe the model of a variant and the labels of its test data.

        Raises:
            UnmeasuredError: if the model or the data cannot be used.
        """
        plan = self._plan(budget)
        job = DescribeJob(
            described=budget.model,
            signature=budget.signature,
            samples=budget.data.test,
            trust_code=budget.trust_code,
            project=plan.step.job.project,
        )
        status = TaskStatus("load the model and the test data")
        kind: WorkerKind = "tensorflow" if plan.step.tensorflow else "litert"
        return await self._scheduler.taken_now(job, ModelDescription, plan.timeout_s, status, kind)

    async def explain_size(self, budget: Budget) -> FileSize | None:
        """Explain the size of the variant's file; see ``Builder.explain_size``."""
        return await self._builder.explain_size(self._plan(budget))

    async def contents(self, budget: Budget, limit: Limit) -> ContentsSince | None:
        """Return where the bytes of the artifact are and what grew; None if they cannot be read."""
        plan = self._plan(budget)
        artifact = await self._builder.artifact(plan.step)
        with suppress(UnmeasuredError):
            return await self._comparisons.contents(plan, artifact, budget.accepted, limit)
        return None

    async def stage_scores(self, budget: Budget) -> tuple[StageScore, ...]:
        """Evaluate the variant after each stage; see ``Evaluations.stage_scores``."""
        return await self._evaluations.stage_scores(self._plan(budget))

    async def details(self, budget: Budget, limit: Limit, findings: Findings) -> VariantDetails:
        """Return what reports show of the variant beside its limits, as far as it is new.

        Args:
            budget: The variant.
            limit: One of its limits that was measured.
            findings: What was measured for it.
        """
        plan = self._plan(budget)
        found = VariantDetails()
        if budget not in self._detailed:
            self._detailed.add(budget)
            scored = any("score" in _needs(each, plan) for each in budget.limits)
            found = await self._variant_details.gather(budget, plan, scored=scored)
        if findings.latency and "latency" in _needs(limit, plan):
            latency = VariantDetails(latency=distribution(findings.latency))
            found = found.with_those_of(latency)
        return found

    async def close(self) -> None:
        """Stop all tasks; results that are already in the store stay."""
        await self._scheduler.close()

    def _plan(self, budget: Budget) -> Plan:
        try:
            return self._planner.plan(budget)
        except (ModelBudgetError, OSError) as error:
            raise BuildError(f"{budget.span}: the build cannot be planned: {error}") from error


def _located(error: StepError, plan: Plan) -> str:
    """Return the text of an error at the place of the step in the budget file of ``plan``."""
    own = next(step for step in plan.steps() if step.key == error.step.key)
    pairs = zip(own.job.sources, error.step.job.sources, strict=True)
    same = [
        f"{mine} has the same content as {named}: "
        for mine, named in pairs
        if mine != named and str(named) in str(error)
    ]
    return f"{own.span}: {own.where}: {''.join(same)}{error}"


def _needs(limit: Limit, plan: Plan) -> frozenset[Need]:
    """Return what must be measured for ``limit``: on this machine, or by the target."""
    if limit.name in target_kind(plan.invocation.target).limits:
        return frozenset({"artifact", "figures"})
    return LIMITS[limit.name].needs

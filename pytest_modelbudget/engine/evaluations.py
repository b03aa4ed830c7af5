"""Evaluates a variant and its baseline, and compares them sample by sample."""

from collections.abc import Awaitable
from pathlib import Path

from pytest_modelbudget.budgetfile.types import Budget, FixedBaseline
from pytest_modelbudget.engine.builder import Builder
from pytest_modelbudget.engine.plan import Evaluation, Plan, Step, tool_versions
from pytest_modelbudget.engine.processes import WorkerKind
from pytest_modelbudget.engine.scheduler import Scheduler, read_result
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.judge.results import Comparison, Score
from pytest_modelbudget.protocol.jobs import CompareJob, EvaluateJob
from pytest_modelbudget.protocol.store import Entry, digest

USUAL_CONFIDENCE = 0.95  # of the confidence intervals where the budget does not name one


class Evaluations:
    """The evaluations of one session.

    Every method raises ``UnmeasuredError`` if the evaluation failed.
    """

    def __init__(self, scheduler: Scheduler, builder: Builder) -> None:
        self._scheduler = scheduler
        self._builder = builder

    async def score(self, budget: Budget) -> Score:
        """Return the score of the variant."""
        plan = self._builder.plan(budget)
        return await self._score(plan, plan.step, budget)

    async def baseline(self, budget: Budget) -> float:
        """Return the score of the baseline: measured, or the number in the budget file."""
        if isinstance(budget.baseline, FixedBaseline):
            return budget.baseline.score
        plan = self._builder.plan(budget)
        assert plan.baseline is not None, "only a fixed baseline has no step"
        return (await self._score(plan, plan.baseline, budget)).value

    def comparison(self, budget: Budget, *, paired: bool) -> Awaitable[Comparison]:
        """Start to compare the variant with its baseline; without ``paired``, describe it alone."""
        plan = self._builder.plan(budget)
        against = (plan.baseline.key if plan.baseline else str(budget.baseline)) if paired else ""
        evaluation = _evaluation(plan)
        name = f"compare {plan.step.key} {against} {evaluation.key} {budget.confidence}"
        return self._scheduler.once(name, lambda: self._compare(plan, budget, paired))

    async def _score(self, plan: Plan, step: Step, budget: Budget) -> Score:
        return read_result((await self._evaluated(plan, step, budget)).path, Score)

    def _evaluated(self, plan: Plan, step: Step, budget: Budget) -> Awaitable[Entry]:
        evaluation = _evaluation(plan)
        name = f"evaluate {step.key} {evaluation.key}"
        return self._scheduler.once(name, lambda: self._evaluate(evaluation, step, budget))

    async def _evaluate(self, evaluation: Evaluation, step: Step, budget: Budget) -> Entry:
        artifact = await self._builder.artifact(step, budget)
        key = digest(["score", artifact.sha256, evaluation.key])
        if found := self._scheduler.find(key):
            return found  # a cached result does not wait for a slot
        job = EvaluateJob(
            model=artifact.path,
            data=evaluation.data,
            metric=evaluation.metric,
            project=evaluation.project,
        )
        status = TaskStatus(f"{budget.title} evaluate")
        async with self._scheduler.light_slots:
            return await self._scheduler.measured(
                _kind(evaluation), key, job, evaluation.timeout_s, status
            )

    async def _compare(self, plan: Plan, budget: Budget, paired: bool) -> Comparison:
        evaluation = _evaluation(plan)
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
        job = CompareJob(
            scored=scored.path,
            baseline=baseline,
            metric=evaluation.metric,
            confidence=confidence,
            project=evaluation.project,
        )
        status = TaskStatus(f"{budget.title} compare")
        found = await self._scheduler.measured(
            _kind(evaluation), key, job, evaluation.timeout_s, status
        )
        return read_result(found.path, Comparison)


def _evaluation(plan: Plan) -> Evaluation:
    assert plan.evaluation is not None, "the reader refuses an accuracy limit without data.test"
    return plan.evaluation


def _kind(evaluation: Evaluation) -> WorkerKind:
    return "tensorflow" if evaluation.tensorflow else "litert"

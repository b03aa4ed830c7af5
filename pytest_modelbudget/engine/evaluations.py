"""Evaluates a variant and its baseline, and compares them sample by sample."""

from collections.abc import Awaitable
from pathlib import Path

from pytest_modelbudget.budgetfile.budget import FixedBaseline
from pytest_modelbudget.engine.builder import Builder
from pytest_modelbudget.engine.plan import Evaluation, Plan, Step
from pytest_modelbudget.engine.processes import WorkerKind
from pytest_modelbudget.engine.scheduler import Found, Scheduler
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.judge.results import Comparison, ModelScore
from pytest_modelbudget.protocol.jobs import CompareJob, EvaluateJob
from pytest_modelbudget.protocol.store import digest

USUAL_CONFIDENCE = 0.95  # of the confidence intervals where the budget does not name one


class Evaluations:
    """The evaluations of one session.

    Every method raises ``UnmeasuredError`` if the evaluation failed.
    """

    def __init__(self, scheduler: Scheduler, builder: Builder) -> None:
        self._scheduler = scheduler
        self._builder = builder

    async def score(self, plan: Plan) -> ModelScore:
        """Return the score of the variant."""
        return await self._score(_evaluation(plan), plan.step)

    async def unrecorded(self, plan: Plan) -> tuple[str, ...]:
        """Return what the score depends on that could not be recorded."""
        found = await self._evaluated(_evaluation(plan), plan.step)
        return found.entry.dependencies.undeclared

    async def baseline(self, plan: Plan) -> float:
        """Return the score of the baseline: measured, or the number in the budget file."""
        if isinstance(plan.baseline, FixedBaseline):
            return plan.baseline.score
        return (await self._score(_evaluation(plan), plan.baseline)).value

    def comparison(self, plan: Plan, *, paired: bool) -> Awaitable[Comparison]:
        """Start to compare the variant with its baseline; without ``paired``, describe it alone."""
        evaluation, baseline = _evaluation(plan), plan.baseline if paired else None
        against = baseline.key if isinstance(baseline, Step) else str(baseline)
        name = f"compare {plan.step.key} {against} {evaluation.key} {evaluation.confidence}"
        return self._scheduler.once(name, lambda: self._compare(evaluation, plan.step, baseline))

    async def _score(self, evaluation: Evaluation, step: Step) -> ModelScore:
        return (await self._evaluated(evaluation, step)).result

    def _evaluated(self, evaluation: Evaluation, step: Step) -> Awaitable[Found[ModelScore]]:
        name = f"evaluate {step.key} {evaluation.key}"
        return self._scheduler.once(name, lambda: self._evaluate(evaluation, step))

    async def _evaluate(self, evaluation: Evaluation, step: Step) -> Found[ModelScore]:
        artifact = await self._builder.artifact(step)
        key = digest(["score", artifact.sha256, evaluation.key])
        if found := self._scheduler.find(key, evaluation.project, ModelScore):
            return found  # a cached result does not wait for a slot
        job = EvaluateJob(
            model=artifact.path,
            data=evaluation.data,
            metric=evaluation.metric,
            project=evaluation.project,
        )
        status = TaskStatus(f"{step.title} evaluate")
        async with self._scheduler.light_slots:
            return await self._scheduler.measured(
                _kind(evaluation), key, job, ModelScore, evaluation.timeout_s, status
            )

    async def _compare(
        self, evaluation: Evaluation, step: Step, baseline: Step | FixedBaseline | None
    ) -> Comparison:
        before = isinstance(baseline, Step) and self._evaluated(evaluation, baseline)
        scored = (await self._evaluated(evaluation, step)).entry
        known: Path | float | None = None
        against: str | float = ""
        if before:
            entry = (await before).entry
            known, against = entry.path, entry.content
        elif isinstance(baseline, FixedBaseline):
            known = against = baseline.score
        confidence = evaluation.confidence or USUAL_CONFIDENCE
        key = digest(["comparison", evaluation.key, scored.content, against, confidence])
        job = CompareJob(
            scored=scored.path,
            baseline=known,
            metric=evaluation.metric,
            confidence=confidence,
            project=evaluation.project,
        )
        status = TaskStatus(f"{step.title} compare")
        found = await self._scheduler.measured(
            _kind(evaluation), key, job, Comparison, evaluation.timeout_s, status
        )
        return found.result


def _evaluation(plan: Plan) -> Evaluation:
    assert plan.evaluation is not None, "the reader refuses an accuracy limit without data.test"
    return plan.evaluation


def _kind(evaluation: Evaluation) -> WorkerKind:
    return "tensorflow" if evaluation.tensorflow else "litert"

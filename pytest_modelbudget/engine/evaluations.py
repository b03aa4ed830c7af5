"""Evaluates a variant and its baseline, and compares them sample by sample."""

from collections import defaultdict
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from pathlib import Path

from pytest_modelbudget.budgetfile.budget import FixedBaseline
from pytest_modelbudget.budgetfile.types import CallSource, FileSource
from pytest_modelbudget.engine.builder import Builder, StepError
from pytest_modelbudget.engine.plan import Evaluation, Plan, Step
from pytest_modelbudget.engine.processes import WorkerKind
from pytest_modelbudget.engine.scheduler import Found, Scheduler
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.judge.accepted import AcceptedFigure
from pytest_modelbudget.judge.findings import StageScore, UnmeasuredError
from pytest_modelbudget.judge.results.scores import Comparison, ModelScore, SamplesRead
from pytest_modelbudget.protocol.digests import digest
from pytest_modelbudget.protocol.score_jobs import CompareJob, EvaluateJob, ReadJob

USUAL_CONFIDENCE = 0.95  # of the confidence intervals where the budget does not name one


class Evaluations:
    """The evaluations of one session.

    Every method raises ``UnmeasuredError`` if the evaluation failed.
    """

    def __init__(self, scheduler: Scheduler, builder: Builder) -> None:
        self._scheduler = scheduler
        self._builder = builder
        self._readers: dict[str, dict[str, Awaitable[Found[ModelScore]]]] = defaultdict(dict)

    async def score(self, plan: Plan) -> ModelScore:
        """Return the score of the variant."""
        return await self.score_of(plan, plan.step)

    async def score_of(self, plan: Plan, step: Step) -> ModelScore:
        """Return the score of another artifact on the test data of the variant."""
        return await self._score(_evaluation(plan), step)

    async def unrecorded(self, plan: Plan) -> tuple[str, ...]:
        """Return what the score depends on that could not be recorded."""
        found = await self._evaluated(_evaluation(plan), plan.step)
        return found.entry.dependencies.undeclared

    async def baseline(self, plan: Plan) -> float:
        """Return the score of the baseline: measured, or the number in the budget file."""
        if isinstance(plan.baseline, FixedBaseline):
            return plan.baseline.score
        return (await self._score(_evaluation(plan), plan.baseline)).value

    async def rehearse(self, plan: Plan) -> None:
        """Evaluate a model that needs no training, so that wrong data or metrics show in time."""
        with suppress(StepError):  # every task that needs the model gets the error too
            await self._evaluated(_evaluation(plan), plan.rehearsal)

    async def stage_scores(self, plan: Plan) -> tuple[StageScore, ...]:
        """Evaluate the model after each stage; empty if one of them cannot be evaluated."""
        scores = []
        for form in plan.stage_forms:
            try:
                score = await self._score(_evaluation(plan), form.step)
            except (StepError, UnmeasuredError):
                return ()
            scores.append(StageScore(form.name, form.where, form.gentler, score.value))
        return tuple(scores)

    def comparison(self, plan: Plan, *, paired: bool) -> Awaitable[Comparison]:
        """Start to compare the variant with its baseline; without ``paired``, describe it alone."""
        evaluation, baseline = _evaluation(plan), plan.baseline if paired else None
        against = baseline.key if isinstance(baseline, Step) else str(baseline)
        name = f"compare {plan.step.key} {against} {evaluation.key} {evaluation.confidence}"
        return self._scheduler.once(name, lambda: self._compare(evaluation, plan.step, baseline))

    async def since_accepted(
        self, plan: Plan, path: Path, accepted: AcceptedFigure
    ) -> Comparison | None:
        """Compare the variant sample by sample with an artifact that was accepted.

        Args:
            plan: The plan of the variant.
            path: The accepted artifact, in the store.
            accepted: Its score.

        Returns:
            None if the test data changed, or if it gets another score now, as with other tools.
        """
        evaluation = _evaluation(plan)
        scored = await self._evaluated(evaluation, plan.step)
        before = await self._evaluate_artifact(evaluation, plan.step, path, accepted.artifact)
        is_same_test = before.result.sample_set == scored.result.sample_set
        if before.result.value != accepted.value or not is_same_test:
            return None
        return await self._compare_entries(
            evaluation, plan.step, scored, before.entry.path, before.entry.content
        )

    async def _score(self, evaluation: Evaluation, step: Step) -> ModelScore:
        return (await self._evaluated(evaluation, step)).result

    def _evaluated(self, evaluation: Evaluation, step: Step) -> Awaitable[Found[ModelScore]]:
        name = f"evaluate {step.key} {evaluation.key}"
        task = self._scheduler.once(name, lambda: self._evaluate(evaluation, step))
        self._readers[_reading(evaluation)][name] = task
        return task

    async def _read_again(
        self, evaluation: Evaluation, step: Step, scored: Found[ModelScore]
    ) -> None:
        """Check that another worker reads the same samples: another evaluation, or one for this.

        Raises:
            UnmeasuredError: If it does not.
        """
        if isinstance(evaluation.data, FileSource):
            return
        readers = tuple(self._readers[_reading(evaluation)].values())
        again = await _other_sample_set(readers, scored) or await self._read(evaluation, step)
        if again != scored.result.sample_set:
            raise UnmeasuredError(
                f"{evaluation.data} returned other samples when it was called again; return the "
                "same samples each time, for example with a seed, or name what they depend on in "
                "depends_on"
            )

    async def _read(self, evaluation: Evaluation, step: Step) -> str:
        """Return the digest of the samples, read in a worker of its own."""
        assert isinstance(evaluation.data, CallSource), "a file has no code that may draw anew"
        job = ReadJob(read=evaluation.data, project=evaluation.project)
        status = TaskStatus(f"{step.title} read {evaluation.data} again")
        kind, timeout_s = _kind(evaluation), evaluation.timeout_s
        read = await self._scheduler.once(
            f"read {_reading(evaluation)}",
            lambda: self._scheduler.taken_now(job, SamplesRead, timeout_s, status, kind),
        )
        return read.sample_set

    async def _evaluate(self, evaluation: Evaluation, step: Step) -> Found[ModelScore]:
        artifact = await self._builder.artifact(step)
        return await self._evaluate_artifact(evaluation, step, artifact.path, artifact.sha256)

    async def _evaluate_artifact(
        self, evaluation: Evaluation, step: Step, path: Path, sha256: str
    ) -> Found[ModelScore]:
        """Evaluate an artifact of ``step``: the one that it made now, or an accepted one."""
        served = step.served
        key = digest(["score", sha256, served and served.signature, evaluation.key])
        if found := self._scheduler.find(key, evaluation.project, ModelScore):
            return found  # a cached result does not wait for a slot
        job = EvaluateJob(
            model=path,
            data=evaluation.data,
            metric=evaluation.metric,
            project=evaluation.project,
            served=served,
        )
        status = TaskStatus(f"{step.title} evaluate")
        kind = "tensorflow" if served else _kind(evaluation)
        async with self._scheduler.light_slots:
            return await self._scheduler.measured(
                kind, key, job, ModelScore, evaluation.timeout_s, status
            )

    async def _compare(
        self, evaluation: Evaluation, step: Step, baseline: Step | FixedBaseline | None
    ) -> Comparison:
        before = isinstance(baseline, Step) and self._evaluated(evaluation, baseline)
        scored = await self._evaluated(evaluation, step)
        known: Path | float | None = None
        against: str | float = ""
        if before:
            entry = (await before).entry
            known, against = entry.path, entry.content
        elif isinstance(baseline, FixedBaseline):
            known = against = baseline.score
        return await self._compare_entries(evaluation, step, scored, known, against)

    async def _compare_entries(
        self,
        evaluation: Evaluation,
        step: Step,
        scored: Found[ModelScore],
        known: Path | float | None,
        against: str | float,
    ) -> Comparison:
        """Compare an evaluation with another one, with a score, or with nothing.

        Args:
            evaluation: How both were evaluated.
            step: The step that made the artifact of ``scored``.
            scored: The evaluation.
            known: The folder of the other one, or a score.
            against: What identifies ``known``.
        """
        confidence = evaluation.confidence or USUAL_CONFIDENCE
        key = digest(["comparison", evaluation.key, scored.entry.content, against, confidence])
        if found := self._scheduler.find(key, evaluation.project, Comparison):
            return found.result  # it was made after the check below
        if not isinstance(known, Path) or known == scored.entry.path:
            # The job itself compares the samples of two evaluations.
            await self._read_again(evaluation, step, scored)
        job = CompareJob(
            scored=scored.entry.path,
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


async def _other_sample_set(
    evaluations: Iterable[Awaitable[Found[ModelScore]]], scored: Found[ModelScore]
) -> str:
    """Return the digest of the first of ``evaluations`` with another entry; empty without one."""
    for evaluation in evaluations:
        with suppress(ModelBudgetError, OSError):
            if (found := await evaluation).entry.path != scored.entry.path:
                return found.result.sample_set
    return ""


def _reading(evaluation: Evaluation) -> str:
    """Return the same text for all evaluations that read the same samples."""
    return f"{evaluation.data.model_dump_json()} {evaluation.project.model_dump_json()}"


def _evaluation(plan: Plan) -> Evaluation:
    assert plan.evaluation is not None, "the reader refuses an accuracy limit without data.test"
    return plan.evaluation


def _kind(evaluation: Evaluation) -> WorkerKind:
    return "tensorflow" if evaluation.tensorflow else "litert"

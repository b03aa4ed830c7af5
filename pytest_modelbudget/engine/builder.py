"""Builds the artifacts of a session: each step once, after a preflight check of its chain."""

import asyncio
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from pytest_modelbudget.engine.plan import Plan, Step
from pytest_modelbudget.engine.processes import WorkerKind
from pytest_modelbudget.engine.scheduler import Found, Scheduler
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.engine.training_steps import (
    PreflightError,
    ending_step,
    parts,
    training_steps,
)
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.judge.findings import Artifact, FileSize, OtherSize
from pytest_modelbudget.protocol.build_jobs import Built, Preflight, PreflightJob
from pytest_modelbudget.protocol.digests import digest
from pytest_modelbudget.units.format import format_bytes, format_share


class StepError(ModelBudgetError):
    """A step that could not be built, as all variants that need it share it.

    Attributes:
        step: The step of the variant that needed it first.
        refused: Whether the same job would fail again; else its process ended, for example.
    """

    def __init__(self, text: str, step: Step, *, refused: bool = False) -> None:
        super().__init__(text)
        self.step = step
        self.refused = refused


class Builder:
    """The artifacts of one session.

    Args:
        scheduler: Runs the steps.
        jobs: How many builds may train or convert at a time.

    Attributes:
        planned: How many steps this session has to build, as far as is known now.
    """

    def __init__(self, scheduler: Scheduler, jobs: int) -> None:
        self._scheduler = scheduler
        self._slots = asyncio.Semaphore(jobs)
        self.planned = 0
        self._started = 0
        self._counted: set[str] = set()

    def artifact(self, step: Step, *, checked: bool = False) -> "asyncio.Future[Artifact]":
        """Start to build ``step`` and the steps before it, and return the future artifact.

        Args:
            step: A step of a plan.
            checked: Whether the preflight check has passed for a chain that contains ``step``.

        Raises:
            StepError: if a step could not be built; raised when the future is awaited.
        """
        name = f"build {step.key}"
        make = self._choose if step.either else self._make
        return self._scheduler.once(name, lambda: make(step, checked))

    async def explain_size(self, plan: Plan) -> FileSize | None:
        """Build the other forms that the recipe could end in, to explain the size of the file.

        Returns:
            None if every stage changes the size of the file, and nothing is known of its parts.
        """
        artifact = await self.artifact(plan.step)
        larger = await self._larger(plan)
        why = "; ".join(filter(None, [plan.same_size or _largest(artifact), larger]))
        if not why:
            return None
        others = [OtherSize("gzip", artifact.gzip_bytes, "what max_gzip_bytes limits")]
        for form in plan.other_forms:
            try:
                size_bytes = (await self.artifact(form.step)).size_bytes
                if artifact.parts and size_bytes >= artifact.size_bytes:
                    continue  # there was nothing to strip
                others.append(OtherSize(form.name, size_bytes, form.written))
            except StepError as error:
                others.append(OtherSize(form.name, None, _cause(error)))
        return FileSize(why, tuple(others))

    async def _larger(self, plan: Plan) -> str:
        """Return which stage has made the file larger, if quantize_aware has."""
        for before, after in pairwise(plan.stage_forms):
            if after.name == "quantize_aware":
                with suppress(StepError):
                    size_bytes = (await self.artifact(before.step)).size_bytes
                    if (await self.artifact(after.step)).size_bytes > size_bytes:
                        return f"the file is larger than before quantize_aware: {size_bytes:,} B"
        return ""

    def trains(self, step: Step) -> bool:
        """Return whether a stage up to ``step`` is to be trained, or another of the Keras model."""
        chain = training_steps(step)
        return bool(chain) and self._find(chain[-1]) is None

    async def _choose(self, step: Step, checked: bool) -> Artifact:
        """Build the first step of ``step.either``, and the second where that may be better."""
        assert step.either, "another step is built itself"
        first, second = step.either
        if not checked and not self._find(first):
            await self._preflight(step)
        try:
            made = await self.artifact(first, checked=True)
        except StepError as error:
            if error.step.key != first.key or not error.refused:
                raise  # the next session may build it
            return await self._instead(second, error)
        assert made.quantization, "both steps quantize"
        if not made.quantization.float_bytes or made.quantization.rejected:
            return made
        try:
            other = await self.artifact(second, checked=True)
        except StepError as error:
            return made.rejecting(f"TensorFlow's converter failed: {_cause(error)}")
        assert other.quantization, "both steps quantize"
        if other.quantization.float_bytes < made.quantization.float_bytes:
            return other.rejecting(f"with the LiteRT quantizer, {made.quantization.shown_floats()}")
        return made.rejecting(f"with TensorFlow's converter, {other.quantization.shown_floats()}")

    async def _instead(self, second: Step, error: StepError) -> Artifact:
        """Build the second step, because the first failed with ``error``.

        Raises:
            StepError: if it fails, too: ``error``, and its own cause where that is another.
        """
        try:
            made = await self.artifact(second, checked=True)
        except StepError as other:
            if _cause(other) == _cause(error):
                raise error from other
            text = f"{error}\nwith backend: converter: {other}"
            raise StepError(text, error.step) from other
        return made.rejecting(f"the LiteRT quantizer failed: {_cause(error)}")

    async def _make(self, step: Step, checked: bool) -> Artifact:
        if found := self._find(step):
            return _artifact(found, self._scheduler.session)
        self._count(step)
        if not checked:  # else the step after it has checked the whole chain
            await self._preflight(step)
        parent = await self.artifact(step.parent, checked=True) if step.parent else None
        job = step.job.model_copy(update={"parent": parent and parent.path.parent})
        kind: WorkerKind = "tensorflow" if step.tensorflow else "quantizer"
        async with self._slots if step.tensorflow else self._scheduler.light_slots:
            self._started += 1
            status = TaskStatus(f"{step.title} {step.job.stage.kind}", build=self._started)
            try:
                built = await self._scheduler.stored(
                    kind, step.key, job, Built, step.timeout_s, status
                )
            except (ModelBudgetError, OSError) as error:
                refused = status.failure is not None and status.failure.refused
                raise StepError(str(error), step, refused=refused) from error
        return _artifact(built, self._scheduler.session)

    def _find(self, step: Step) -> Found[Built] | None:
        return self._scheduler.find(step.key, step.job.project, Built)

    def _count(self, step: Step) -> None:
        """Add ``step`` and the steps before it that are not cached to ``planned``."""
        missing: Step | None = step
        while missing and missing.key not in self._counted:
            self._counted.add(missing.key)
            if self._find(missing):
                return
            self.planned += 1
            missing = missing.parent

    async def _preflight(self, step: Step) -> None:
        """Check every training stage up to ``step``, and what makes the artifact, in advance.

        A stage of the user's own is built in between, and what follows is checked on its result.
        """
        if not self.trains(step):
            return
        for steps in parts(training_steps(step)):
            before = steps[0].parent
            if not before:
                await self._check_part(steps, step, None)
            elif not self._find(steps[-1]):
                built = await self.artifact(before, checked=True)
                await self._check_part(steps, step, built.path.parent)

    async def _check_part(self, steps: tuple[Step, ...], step: Step, start: Path | None) -> None:
        """Check ``steps`` from the result in ``start``, and then what makes ``step`` of them."""
        ending = ending_step(step)
        endings = (ending.either or (ending,)) if ending else ()
        key = digest(["preflight", *(each.key for each in (steps[-1], *endings))])
        first = steps[0].job.model_copy(update={"parent": start})
        job = PreflightJob(
            steps=(first, *(each.job for each in steps[1:])),
            endings=tuple(each.job for each in endings),
        )
        try:
            await self._scheduler.once(key, lambda: self._check(key, job, steps[-1]))
        except PreflightError as error:
            raise StepError(str(error), (*steps, ending or step)[error.stage]) from error

    async def _check(self, key: str, job: PreflightJob, last: Step) -> None:
        if self._scheduler.find(key, job.project, Preflight):
            return
        status = TaskStatus(f"{last.title} preflight")
        async with self._slots:
            try:
                timeout_s = last.timeout_s
                await self._scheduler.stored("tensorflow", key, job, Preflight, timeout_s, status)
            except (ModelBudgetError, OSError) as error:
                failed = status.failure.stage if status.failure else 0
                raise PreflightError(str(error), failed) from error


def _largest(artifact: Artifact) -> str:
    """Return the largest part of what TensorFlow serves; empty for a ``.tflite``."""
    if not artifact.parts:
        return ""
    largest = artifact.parts[0]
    share = format_share(largest.size_bytes / artifact.size_bytes)
    return f"the largest part is {largest.name}: {format_bytes(largest.size_bytes)} ({share})"


def _cause(error: StepError) -> str:
    return str(error).partition("\n")[0]


def _artifact(found: Found[Built], session: str) -> Artifact:
    entry, built = found.entry, found.result
    return Artifact(
        path=entry.path / built.file,
        sha256=entry.digest_of(built.file),
        size_bytes=built.size_bytes,
        gzip_bytes=built.gzip_bytes,
        seconds=built.seconds,
        cached=entry.session != session,
        clustered=tuple(
            name
            for stage, choice in built.layer_choices
            if stage == "cluster"
            for name in choice.chosen
        ),
        layers_skipped="\n".join(
            f"skipped by {stage}: {why}"
            for stage, choice in built.layer_choices
            if (why := choice.why_skipped())
        ),
        quantization=built.quantization,
        unrecorded=entry.dependencies.undeclared,
        parts=tuple(sorted(built.parts, key=lambda part: part.size_bytes, reverse=True)),
    )

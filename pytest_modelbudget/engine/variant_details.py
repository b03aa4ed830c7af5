"""Gathers what reports show of a variant beside its limits."""

import math
from collections.abc import Awaitable, Iterator
from typing import TypeVar

import yaml

from pytest_modelbudget.budgetfile.budget import Budget, LocatedStage
from pytest_modelbudget.engine.builder import Builder
from pytest_modelbudget.engine.evaluations import Evaluations
from pytest_modelbudget.engine.measurements import Measurements
from pytest_modelbudget.engine.plan import Plan, Step, tool_versions
from pytest_modelbudget.judge.contents import Contents
from pytest_modelbudget.judge.details import (
    LatencyDistribution,
    Omission,
    RecordedFile,
    RecordedVariable,
    StageEffect,
    ToolVersion,
    VariantDetails,
)
from pytest_modelbudget.judge.results.latencies import LatencySample
from pytest_modelbudget.protocol.dependencies import Dependencies
from pytest_modelbudget.protocol.store import DEPENDENCIES

T = TypeVar("T")


class VariantDetailsGatherer:
    """Gathers the details of variants whose artifacts are built; most results are cached ones.

    What fails is listed in ``VariantDetails.omitted``: a report must not fail a limit.
    """

    def __init__(
        self, builder: Builder, evaluations: Evaluations, measurements: Measurements
    ) -> None:
        self._builder = builder
        self._evaluations = evaluations
        self._measurements = measurements

    async def gather(self, budget: Budget, plan: Plan, *, scored: bool) -> VariantDetails:
        """Return all that is known of a variant but its latency.

        Args:
            budget: The variant.
            plan: Its plan.
            scored: Whether a limit of it needs a score.
        """
        omitted: list[Omission] = []

        async def attempt(what: str, work: Awaitable[T]) -> T | None:
            try:
                return await work
            except Exception as error:
                cause = str(error).partition("\n")[0]
                omitted.append(Omission(what=what, why=cause or type(error).__name__))
                return None

        stages = await attempt("the effect of each stage", self._stages(plan, scored=scored))
        read = await attempt("what the artifact was made from", self._read(plan))
        made_from = read or Dependencies()
        contents = await attempt("where the bytes are", self._contents(plan))
        return VariantDetails(
            recipe=tuple(map(_written, budget.recipe)),
            metric=str(budget.metric),
            higher_is_better=budget.metric.higher_is_better,
            stages=stages or (),
            tools=tuple(ToolVersion(name=name, version=v) for name, v in tool_versions().items()),
            files=tuple(
                RecordedFile(path=each.path, sha256=each.sha256) for each in made_from.files
            ),
            variables=tuple(
                RecordedVariable(name=each.name, sha256=each.sha256) for each in made_from.variables
            ),
            packages=tuple(
                ToolVersion(name=each.name, version=each.version) for each in made_from.packages
            ),
            contents=contents,
            omitted=tuple(omitted),
        )

    async def _stages(self, plan: Plan, *, scored: bool) -> tuple[StageEffect, ...]:
        return tuple(
            [await self._effect(name, step, plan, scored=scored) for name, step in _forms(plan)]
        )

    async def _effect(self, name: str, step: Step, plan: Plan, *, scored: bool) -> StageEffect:
        artifact = await self._builder.artifact(step)
        score = (await self._evaluations.score_of(plan, step)).value if scored else None
        return StageEffect(
            name=name,
            size_bytes=artifact.size_bytes,
            gzip_bytes=artifact.gzip_bytes,
            score=score,
        )

    async def _contents(self, plan: Plan) -> Contents:
        artifact = await self._builder.artifact(plan.step)
        return await self._measurements.contents(artifact.path, artifact.sha256, plan.title)

    async def _read(self, plan: Plan) -> Dependencies:
        """Read what the artifact was made from, which the store keeps beside it."""
        artifact = await self._builder.artifact(plan.step)
        path = artifact.path.parent / DEPENDENCIES
        return Dependencies.model_validate_json(path.read_bytes())


def distribution(sample: LatencySample) -> LatencyDistribution:
    """Return what reports show of a latency."""
    return LatencyDistribution(
        percentiles_s=sample.percentiles_s,
        counted=sample.counted,
        invocations=sample.invocations,
        threads=sample.threads,
        delegate=sample.delegate,
        cpu=sample.cpu,
        governor=sample.governor,
    )


def _forms(plan: Plan) -> Iterator[tuple[str, Step]]:
    """Yield the model before the recipe, after each stage, and at the end, each with its name."""
    if plan.stage_forms:
        yield from ((form.name, form.step) for form in plan.stage_forms)
        return
    if plan.rehearsal.key != plan.step.key:
        yield "", plan.rehearsal
    yield plan.step.job.stage.kind, plan.step


def _written(located: LocatedStage) -> str:
    """Return a stage as YAML on one line, with the parameters that the user wrote."""
    stage = located.stage
    parameters = stage.model_dump(mode="json", exclude_unset=True, exclude={"kind"})
    name = located.where.rpartition(" > ")[2]
    if not parameters:
        return name
    text: str = yaml.safe_dump(
        {name: parameters}, default_flow_style=None, width=math.inf, allow_unicode=True
    )
    return text.rstrip()

"""Measures what a limit needs, and adds it to the findings of its variant."""

from collections.abc import Awaitable, Callable, Mapping, Set
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.engine.builder import Builder, StepError
from pytest_modelbudget.engine.evaluations import Evaluations
from pytest_modelbudget.engine.measurements import Measurements
from pytest_modelbudget.engine.plan import Plan, Step, tool_versions
from pytest_modelbudget.judge.findings import Artifact, Findings, Need, UnmeasuredError
from pytest_modelbudget.judge.results.latencies import LatencySample


class FindingsGatherer:
    """The measurements that the limits of one session need."""

    def __init__(
        self, builder: Builder, evaluations: Evaluations, measurements: Measurements
    ) -> None:
        self._builder = builder
        self._evaluations = evaluations
        self._measurements = measurements
        self._timed: dict[str, Plan] = {}
        # The field of ``Findings`` has the same name as the need.
        self._measured: Mapping[Need, Callable[[Artifact, Plan], Awaitable[Any]]] = {
            "structure": measurements.structure,
            "figures": measurements.figures,
            "arena": measurements.arena,
            "instructions": measurements.instructions,
        }

    def will_time(self, plan: Plan) -> None:
        """Note that the latency of a variant is measured in this session."""
        self._timed[plan.step.key] = plan

    async def gather(self, budget: Budget, plan: Plan, needs: Set[Need]) -> Findings:
        """Measure everything in ``needs`` except comparisons with the accepted artifact.

        Raises:
            UnmeasuredError: if a measurement failed.
        """
        artifact = await self._builder.artifact(plan.step)
        findings = Findings(
            artifact=artifact,
            metric=str(budget.metric),
            higher_is_better=budget.metric.higher_is_better,
            confident=budget.confidence is not None,
            test_data=str(budget.data.test or ""),
            unrecorded=artifact.unrecorded,
            target=str(plan.invocation.target),
            batch_size=plan.invocation.batch_size,
            tools=tool_versions(),
            accepted=budget.accepted,
        )
        findings = await self._with_scores(findings, plan, needs)
        findings = await self._with_latency(findings, plan, needs)
        for need, measure in self._measured.items():
            if need in needs:
                findings = replace(findings, **{need: await measure(artifact, plan)})
        if "instructions" in needs:
            known = await self._measurements.known_instructions(budget.accepted, plan)
            findings = replace(findings, accepted_instructions=known)
        return findings

    async def _with_scores(self, findings: Findings, plan: Plan, needs: Set[Need]) -> Findings:
        if "score" in needs:
            score = await self._evaluations.score(plan)
            unrecorded = findings.unrecorded + await self._evaluations.unrecorded(plan)
            findings = replace(
                findings,
                score=score,
                unrecorded=tuple(dict.fromkeys(unrecorded)),
                comparison=await self._evaluations.comparison(plan, paired="baseline" in needs),
            )
        if "baseline" in needs:
            findings = replace(findings, baseline=await self._evaluations.baseline(plan))
        return findings

    async def _with_latency(self, findings: Findings, plan: Plan, needs: Set[Need]) -> Findings:
        latency = self._measurements.latency
        if "latency" in needs:
            bounds = plan.invocation.bounds_of(findings.artifact.sha256)
            return replace(
                findings,
                latency=await latency(findings.artifact, None, plan, bounds),
                baseline_latency=await self._baseline_latency(plan),
            )
        if "ratio" in needs:
            assert isinstance(plan.baseline, Step), "the reader refuses a ratio to a fixed score"
            against = await self._builder.artifact(plan.baseline)
            bounds = plan.invocation.ratio_bounds
            sample = await latency(findings.artifact, against.path, plan, bounds)
            return replace(findings, latency=sample)
        return findings

    async def _baseline_latency(self, plan: Plan) -> LatencySample | None:
        """Return the latency of the baseline, if it is a variant whose latency is measured too."""
        baseline = plan.baseline
        if not isinstance(baseline, Step) or baseline.key == plan.step.key:
            return None
        other = self._timed.get(baseline.key)
        if other is None or other.invocation.conditions != plan.invocation.conditions:
            return None
        with suppress(StepError, UnmeasuredError):  # the items of that variant report it
            artifact = await self._builder.artifact(baseline)
            bounds = other.invocation.bounds_of(artifact.sha256)
            return await self._measurements.latency(artifact, None, other, bounds)
        return None

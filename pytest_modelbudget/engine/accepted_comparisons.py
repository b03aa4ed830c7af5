"""Compares a variant with its accepted artifact, if that is still in the store."""

import math
from collections.abc import Set
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pytest_modelbudget.engine.evaluations import Evaluations
from pytest_modelbudget.engine.measurements import Measurements
from pytest_modelbudget.engine.plan import Plan
from pytest_modelbudget.engine.scheduler import Scheduler
from pytest_modelbudget.judge.accepted import AcceptedVariant
from pytest_modelbudget.judge.contents_diff import ContentsSince, diff
from pytest_modelbudget.judge.findings import (
    Artifact,
    Findings,
    Need,
    UnmeasuredError,
    present,
)
from pytest_modelbudget.judge.limits import FIGURES
from pytest_modelbudget.judge.limits.growth_bound import GrowthBound
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.judge.results.latencies import LatencySample
from pytest_modelbudget.judge.results.scores import Comparison
from pytest_modelbudget.protocol.measurement_jobs import LatencyBound


class AcceptedComparisons:
    """The comparisons of one session with accepted artifacts."""

    def __init__(
        self, scheduler: Scheduler, evaluations: Evaluations, measurements: Measurements
    ) -> None:
        self._scheduler = scheduler
        self._evaluations = evaluations
        self._measurements = measurements

    async def added_to(
        self, findings: Findings, plan: Plan, limit: Limit, needs: Set[Need]
    ) -> Findings:
        """Return ``findings`` with the comparisons that ``limit`` needs, if they are in the cache.

        Raises:
            UnmeasuredError: if the artifacts cannot be timed.
        """
        if findings.accepted is None:
            return findings
        if "accepted_score" in needs:
            since = await self._score(plan, findings.artifact, findings.accepted)
            return replace(findings, since_accepted=since)
        if "accepted_latency" in needs:
            assert isinstance(limit.bound, GrowthBound), "the reader gives this limit such a bound"
            beside = await self._latency(plan, findings, findings.accepted, limit.bound)
            return replace(findings, beside_accepted=beside)
        return findings

    async def _score(
        self, plan: Plan, artifact: Artifact, accepted: AcceptedVariant
    ) -> Comparison | None:
        """Compare sample by sample with the outcomes of the accepted artifact.

        Returns:
            None if no score was accepted, if the accepted artifact is not in the cache or is the
            same, or if it does not get the accepted score any more.
        """
        figure = accepted.figures.get("accuracy")
        path = self._find(figure.artifact, artifact) if figure else None
        if figure is None or path is None:
            return None
        with suppress(UnmeasuredError):
            return await self._evaluations.since_accepted(plan, path, figure)
        return None

    async def _latency(
        self, plan: Plan, findings: Findings, accepted: AcceptedVariant, bound: GrowthBound
    ) -> LatencySample | None:
        """Time the artifact and the accepted one alternately.

        Returns:
            None if the accepted artifact is not in the store or is the same, if the limit compares
            with the anchor, whose artifact is not known, or if the latency is not finite.

        Raises:
            UnmeasuredError: if they cannot be timed.
        """
        median_s = present(findings.latency).estimates["p50"].value
        if bound.since == "anchor" or not math.isfinite(median_s):
            return None
        known = accepted.figure("latency", FIGURES["latency"].environment(findings))
        sha256 = known.artifact if known else accepted.artifact
        path = self._find(sha256, findings.artifact)
        if path is None:
            return None
        allowed = bound.allowed(median_s, "seconds")
        share = allowed.value if allowed.base_unit == "share" else allowed.value / median_s
        bounds = (LatencyBound(statistic="ratio", bound=1 + share),)
        return await self._measurements.latency(findings.artifact, path, plan, bounds)

    async def contents(
        self, plan: Plan, artifact: Artifact, accepted: AcceptedVariant | None, limit: Limit
    ) -> ContentsSince:
        """Return where the bytes of an artifact are, and what grew since one was accepted.

        Growth since the anchor is not compared, because the artifact of an anchor is not known.

        Raises:
            UnmeasuredError: if they cannot be read.
        """
        new = await self._measurements.contents(artifact.path, artifact.sha256, plan.title)
        if accepted is None or accepted.artifact == artifact.sha256:
            return ContentsSince(new, None)
        if isinstance(limit.bound, GrowthBound) and limit.bound.since == "anchor":
            return ContentsSince(new, None, "the ledger does not name the artifact of an anchor")
        path = self._find(accepted.artifact, artifact)
        if path is None:
            return ContentsSince(new, None, "the accepted artifact is not in the cache")
        old = await self._measurements.contents(path, accepted.artifact, plan.title)
        if old.form != new.form:
            return ContentsSince(new, None, f"what was accepted is {old.indefinite_form}")
        return ContentsSince(new, diff(old, new))

    def _find(self, sha256: str, artifact: Artifact) -> Path | None:
        """Return the path of the artifact with this digest, unless it is ``artifact`` itself."""
        return None if sha256 == artifact.sha256 else self._scheduler.find_content(sha256)

"""How much a figure has grown since it was accepted into the ledger."""

import math

from pytest_modelbudget.judge.accepted import AcceptedFigure
from pytest_modelbudget.judge.findings import Findings, Measurement, UnmeasuredError, present
from pytest_modelbudget.judge.limits.accuracy_limits import (
    MinAccuracy,
    certain,
    difference,
    spread,
)
from pytest_modelbudget.judge.limits.growth_limit import Basis, GrowthLimit, bound_of
from pytest_modelbudget.judge.limits.instruction_limits import MaxInstructions
from pytest_modelbudget.judge.limits.latency_limits import MaxLatency, described, disturbed
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.judge.limits.memory_limits import MaxMemory
from pytest_modelbudget.judge.limits.size_limits import MaxBytes, MaxGzipBytes
from pytest_modelbudget.judge.limits.structure_limits import MaxMacs
from pytest_modelbudget.judge.results.scores import Interval


class MaxBytesGrowth(GrowthLimit):
    """Growth of the file."""

    name = "max_bytes_growth"
    description = "growth of the .tflite since it was accepted"
    fixed = MaxBytes()


class MaxGzipBytesGrowth(GrowthLimit):
    """Growth of the deflated file."""

    name = "max_gzip_bytes_growth"
    description = "growth of the deflated .tflite since it was accepted"
    fixed = MaxGzipBytes()


class MaxMemoryGrowth(GrowthLimit):
    """Growth of what one inference needs beside the weights."""

    name = "max_memory_growth"
    description = "growth of the tensor arena since it was accepted"
    fixed = MaxMemory()


class MaxMacsGrowth(GrowthLimit):
    """Growth of the multiply-accumulates."""

    name = "max_macs_growth"
    description = "growth of the multiply-accumulates since they were accepted"
    fixed = MaxMacs()


class MaxInstructionsGrowth(GrowthLimit):
    """Growth of the instructions of one inference."""

    name = "max_instructions_growth"
    description = "growth of the instructions of one inference since they were accepted"
    fixed = MaxInstructions()

    def change(self, found: Measurement, reference: Basis, findings: Findings) -> Measurement:
        """Return the growth: other kernels run on another CPU, even if the model is the same.

        Raises:
            UnmeasuredError: If the accepted ones were counted on another CPU, or for another batch.
        """
        now, then = self.fixed.environment(findings), reference.accepted.environment
        for name in ("cpu", "batch_size"):
            if then.get(name, now[name]) != now[name]:
                raise UnmeasuredError(
                    f"the accepted instructions were counted with {name} {then[name]}, and these "
                    f"with {name} {now[name]}",
                    "accept them again with --budget-update if this is intended",
                )
        return super().change(found, reference, findings)


class MaxAccuracyLoss(GrowthLimit):
    """The change of the metric for the worse; with `confidence`, the high end of its interval."""

    name = "max_accuracy_loss"
    description = "change of the metric for the worse since it was accepted"
    fixed = MinAccuracy()
    verb = "got worse"
    needs = frozenset({"accepted_score"})

    def change(self, found: Measurement, reference: Basis, findings: Findings) -> Measurement:
        """Return the loss: sample by sample where the accepted outcomes are in the cache.

        Raises:
            UnmeasuredError: If the score was accepted for another metric, or on other samples.
        """
        _require_same_test(reference.accepted, findings)
        sign = 1.0 if findings.higher_is_better else -1.0
        value = sign * difference(reference.value, found.value) + 0.0  # and never -0.0
        paired = None if reference.is_anchor else findings.since_accepted
        comparison = paired or present(findings.comparison)
        interval = comparison.drop if paired else None
        if not paired and comparison.score:
            ends = sorted(
                sign * (reference.value - end)
                for end in (comparison.score.low, comparison.score.high)
            )
            interval = Interval(low=ends[0], high=ends[1])
        remark = ""
        is_other = findings.artifact.sha256 != reference.accepted.artifact
        if not paired and is_other and not reference.is_anchor:
            remark = (
                f"{self.name} compares score against score: the outcomes of the accepted "
                "artifact are not in the cache"
            )
        samples = present(findings.score).samples
        how = f"{found.how}; loss {spread(comparison, interval, '')}"
        if findings.confident:
            value = certain(interval, comparison).high
            how = f"high end of the loss, {how}"
        width = (interval.high - interval.low) / 2 if interval and paired else 0.0
        return Measurement(value, how, resolvable=width, samples=samples, remark=remark)


def _require_same_test(accepted: AcceptedFigure, findings: Findings) -> None:
    again = "accept the score again with --budget-update if this is intended"
    if accepted.metric != findings.metric:
        raise UnmeasuredError(
            f"the accepted score is {accepted.metric} and this one is {findings.metric}", again
        )
    samples = present(findings.score).samples_digest
    if not samples.startswith(accepted.data):
        raise UnmeasuredError(
            f"the score was accepted on other samples: {findings.test_data} had the digest "
            f"{accepted.data[:12]} and has {samples[:12]}",
            again,
        )


class MaxLatencyGrowth(GrowthLimit):
    """Growth of the median latency of one invocation."""

    name = "max_latency_growth"
    description = "growth of the median latency since it was accepted"
    fixed = MaxLatency()
    needs = frozenset({"accepted_latency"})

    def reference(self, found: Measurement, findings: Findings, limit: Limit) -> Basis:
        """Return the accepted latency, or that of the accepted artifact on this machine."""
        known, sample = findings.accepted, findings.beside_accepted
        is_same = known is not None and known.artifact == findings.artifact.sha256
        environment = self.fixed.environment(findings)
        is_known = known is not None and known.figure(self.figure, environment) is not None
        if (
            known is None
            or is_known
            or not (sample or is_same)
            or bound_of(limit).since == "anchor"
        ):
            return super().reference(found, findings, limit)
        value = found.value / (sample.estimates["ratio"].value if sample else 1.0)
        return Basis(value, AcceptedFigure(value, value, known.artifact), is_anchor=False)

    def change(self, found: Measurement, reference: Basis, findings: Findings) -> Measurement:
        """Return the growth: of both artifacts measured alternately, or between intervals."""
        sample = findings.beside_accepted
        is_same = findings.artifact.sha256 == reference.accepted.artifact
        if is_same and not reference.is_anchor:
            return Measurement(0.0, "the artifact is the accepted one")
        if sample is None or reference.is_anchor:
            return super().change(found, reference, findings)
        ratio = sample.estimates["ratio"]
        high = (ratio.high - 1) * reference.value if math.isfinite(ratio.high) else None
        return Measurement(
            (ratio.value - 1) * reference.value,
            f"both artifacts, measured alternately; {described('ratio', sample)}",
            interval=((ratio.low - 1) * reference.value, high),
            confidence=sample.confidence,
            disturbed=disturbed(sample),
        )

"""Latencies on this machine, how they were measured, and what disturbed them."""

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field, Strict

from pytest_modelbudget.judge.accepted import Environment
from pytest_modelbudget.judge.findings import Findings, Measurement, present
from pytest_modelbudget.judge.limits.limit_kind import FigureLimit
from pytest_modelbudget.judge.results.latencies import LatencySample, LatencyStatistic
from pytest_modelbudget.units.format import format_seconds
from pytest_modelbudget.units.table import BaseUnit
from pytest_modelbudget.units.written import Duration

_FASTER = "an int8 recipe, more `latency.threads`, or a smaller architecture"


class LatencyLimit(FigureLimit):
    """A quantile of the latency of single invocations, judged by its confidence interval."""

    base_unit: ClassVar[BaseUnit] = "seconds"
    written = Duration
    needs = frozenset({"artifact", "latency"})
    advice = _FASTER
    guards = "latency"
    repeats_within = 0.05  # where windows of one session begin to be slow
    statistic: ClassVar[LatencyStatistic]

    def read(self, findings: Findings) -> Measurement:
        """Read the estimate of the statistic and its interval."""
        sample = present(findings.latency)
        found = sample.estimates[self.statistic]
        return Measurement(
            found.value,
            described(self.statistic, sample),
            interval=(found.low, found.high if math.isfinite(found.high) else None),
            confidence=sample.confidence,
            disturbed=disturbed(sample),
        )


class MaxLatency(LatencyLimit):
    """The median."""

    name = "max_latency"
    description = "median of one invocation"
    target_field = "latency_s"
    statistic = "p50"
    figure = "latency"
    by_machine = True

    def read(self, findings: Findings) -> Measurement:
        """Read the median, and say so if it is surely higher than that of the baseline."""
        sample, measured = findings.baseline_latency, super().read(findings)
        baseline = sample.estimates.get(self.statistic) if sample else None
        low, _ = measured.interval or (0.0, None)
        if baseline is None or low <= baseline.high:
            return measured
        remark = f"slower than the baseline, which takes {format_seconds(baseline.value)}"
        return measured.remarking(remark)

    def environment(self, findings: Findings) -> Environment:
        """Return the machine, and what runs the model on it."""
        run = {"target": findings.target, "batch_size": str(findings.batch_size)}
        sample = findings.latency
        if sample is None:
            return run
        return {
            **run,
            "cpu": sample.cpu,
            "kernels": sample.delegate,
            "litert": findings.tools.get("ai-edge-litert", ""),
            "threads": str(sample.threads),
        }


class MaxLatencyP90(LatencyLimit):
    """The 90th percentile."""

    name = "max_latency_p90"
    description = "90th percentile of one invocation"
    target_field = "p90_s"
    statistic = "p90"


class MaxLatencyP99(LatencyLimit):
    """The 99th percentile."""

    name = "max_latency_p99"
    description = "99th percentile of one invocation"
    target_field = "p99_s"
    statistic = "p99"


class MaxLatencyRatio(LatencyLimit):
    """The latency as a multiple of the float baseline's, both measured in one process."""

    name = "max_latency_ratio"
    description = "latency against the float baseline"
    base_unit = "ratio"
    written = Annotated[float, Strict(), Field(gt=0, le=1e6)]
    needs = frozenset({"artifact", "ratio"})
    advice = "an int8 recipe, or fewer layers left in float"
    statistic = "ratio"

    def read(self, findings: Findings) -> Measurement:
        """Read the ratio and its interval."""
        measured = super().read(findings)
        low, _ = measured.interval or (0.0, None)
        is_slower = low > 1
        remark = f"slower than the float model: {measured.value:.2f} times its latency"
        return measured.against("the float model").remarking(remark if is_slower else "")


def described(statistic: LatencyStatistic, sample: LatencySample) -> str:
    """Return how many invocations the statistic is from, and where they ran."""
    dropped = sample.invocations - sample.counted
    threads = "1 thread" if sample.threads == 1 else f"{sample.threads} threads"
    name = "20th percentiles" if statistic == "ratio" else statistic
    return (
        f"{name} of {sample.counted:,} invocations ({dropped:,} discarded) in {sample.windows} "
        f"windows, {100 * sample.confidence:g} % interval; {threads}, {sample.delegate}, "
        f"{sample.cpu}, governor {sample.governor}"
    )


def disturbed(sample: LatencySample) -> str:
    """Return what disturbed a sample, and how long it took."""
    return f"after {format_seconds(sample.seconds)}, " + ", ".join(_disturbances(sample))


def _disturbances(sample: LatencySample) -> Iterator[str]:
    yield f"{100 * sample.preempted / sample.invocations:.0f} % of the invocations were preempted"
    yield f"{sample.slow_windows} of {sample.windows} windows were slow"

"""Latencies on this machine, how they were taken, and what was in the way."""

import math
from collections.abc import Callable, Iterator

from pytest_modelbudget.judge.findings import Findings, Measurement, present
from pytest_modelbudget.judge.results import Figure, LatencySample
from pytest_modelbudget.units.format import format_seconds


def latency(figure: Figure) -> Callable[[Findings], Measurement]:
    """Return what reads ``figure``, with the interval that must settle the limit."""

    def read(findings: Findings) -> Measurement:
        sample = present(findings.latency)
        found = sample.estimate(figure)
        return Measurement(
            found.value,
            _described(figure, sample),
            "the float model" if figure == "ratio" else "",
            interval=(found.low, found.high if math.isfinite(found.high) else None),
            disturbed=_disturbed(sample),
        )

    return read


def _described(figure: Figure, sample: LatencySample) -> str:
    """Return on how much a figure rests, and where it was taken."""
    dropped = sample.taken - sample.counted
    threads = "1 thread" if sample.threads == 1 else f"{sample.threads} threads"
    name = "20th percentiles" if figure == "ratio" else figure
    return (
        f"{name} of {sample.counted:,} invocations ({dropped:,} discarded) in {sample.windows} "
        f"windows, {sample.confidence:.0%} interval; {threads}, {sample.delegate}, {sample.cpu}, "
        f"governor {sample.governor}"
    )


def _disturbed(sample: LatencySample) -> str:
    """Return what a sample suffered from, and for how long it was tried."""
    return f"after {format_seconds(sample.seconds)}, " + ", ".join(_disturbances(sample))


def _disturbances(sample: LatencySample) -> Iterator[str]:
    yield f"{sample.interrupted / sample.taken:.0%} of the invocations lost the CPU"
    yield f"{sample.slow_windows} of {sample.windows} windows were slow"

"""Latencies that were measured on this machine."""

from typing import Literal

from pydantic import ConfigDict

from pytest_modelbudget.frozen import Frozen, Sequence

LatencyStatistic = Literal["p50", "p90", "p99", "ratio"]


class LatencyEstimate(Frozen):
    """A latency in seconds, or a ratio, with its confidence interval; ``high`` may be infinite."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    value: float
    low: float
    high: float


class LatencySample(Frozen):
    """The result of a ``LatencyJob``; for a ratio, the counts are those of its model.

    Attributes:
        estimates: One estimate for each bound of the job.
        invocations: Number of timed invocations.
        counted: Number of invocations that the estimates are computed from.
        percentiles_s: Of these invocations, from the 0th to the 100th, in seconds; empty if there
            are none.
        preempted: Number of invocations in blocks during which the thread was preempted.
        windows: Number of windows.
        slow_windows: Number of windows that are not counted, because the machine was slow.
        warmup: Number of invocations before the first window.
        seconds: Time from the first window to the last.
        confidence: Of the intervals, whenever sampling stopped.
        threads: Number of threads of one invocation.
        delegate: ``XNNPACK``, or ``built-in kernels``.
        cpu: The name of the CPU.
        governor: The frequency governor of the CPU, or ``unknown``.
    """

    estimates: dict[LatencyStatistic, LatencyEstimate]
    invocations: int
    counted: int
    percentiles_s: Sequence[float]
    preempted: int
    windows: int
    slow_windows: int
    warmup: int
    seconds: float
    confidence: float
    threads: int
    delegate: str
    cpu: str
    governor: str

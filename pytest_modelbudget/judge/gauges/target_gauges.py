"""What a target other than this machine says."""

from collections.abc import Callable
from typing import Literal

from pytest_modelbudget.judge.findings import Findings, Measurement, UnmeasuredError, present
from pytest_modelbudget.judge.gauges.size_gauges import size


def target_latency(
    field: Literal["latency_s", "p90_s", "p99_s"],
) -> Callable[[Findings], Measurement]:
    """Return what reads one of the target's latencies."""

    def read(findings: Findings) -> Measurement:
        return _figure(findings, field)

    return read


def target_memory(findings: Findings) -> Measurement:
    """Read the memory that the target says."""
    return _figure(findings, "memory_bytes")


def target_size(findings: Findings) -> Measurement:
    """Read what is stored on the target, or else the file."""
    if present(findings.figures).size_bytes is None:
        return size(findings)
    stored = _figure(findings, "size_bytes")
    how = f"on the target, {stored.how}; the .tflite has {findings.artifact.size_bytes:,} B"
    return Measurement(stored.value, how)


def _figure(findings: Findings, field: str) -> Measurement:
    figures = present(findings.figures)
    value = getattr(figures, field)
    if value is None:
        raise UnmeasuredError(f"the target gives no {field}: {figures.how}")
    return Measurement(value, figures.how)


def no_ratio(_findings: Findings) -> Measurement:
    """Refuse: there is no baseline on a target."""
    raise UnmeasuredError("a ratio is only measured on the host; write latency: {target: host}")

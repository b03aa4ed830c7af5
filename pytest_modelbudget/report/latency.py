"""How a latency was taken, and what was in its way, in words."""

from collections.abc import Iterator

from pytest_modelbudget.budgetfile.quantities import format_seconds
from pytest_modelbudget.jobs import Figure, LatencySample


def described(figure: Figure, sample: LatencySample) -> str:
    """Return on how much a figure rests, and where it was taken."""
    dropped = sample.taken - sample.counted
    threads = "1 thread" if sample.threads == 1 else f"{sample.threads} threads"
    name = "20th percentiles" if figure == "ratio" else figure
    return (
        f"{name} of {sample.counted:,} invocations ({dropped:,} discarded) in {sample.windows} "
        f"windows, {sample.confidence:.0%} interval; {threads}, {sample.delegate}, {sample.cpu}, "
        f"governor {sample.governor}"
    )


def disturbed(sample: LatencySample) -> str:
    """Return what a sample suffered from, and for how long it was tried."""
    return f"after {format_seconds(sample.seconds)}, " + ", ".join(_disturbances(sample))


def _disturbances(sample: LatencySample) -> Iterator[str]:
    yield f"{sample.interrupted / sample.taken:.0%} of the invocations lost the CPU"
    yield f"{sample.slow_windows} of {sample.windows} windows were slow"

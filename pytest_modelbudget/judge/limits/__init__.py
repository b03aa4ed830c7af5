"""The limits: one class each, with its unit, how it is written, what it needs, what helps."""

from collections.abc import Mapping
from types import MappingProxyType

from pytest_modelbudget.judge.findings import Findings, Measurement
from pytest_modelbudget.judge.limits.accuracy_limits import (
    MaxAccuracyDrop,
    MaxRelativeAccuracyDrop,
    MinAccuracy,
)
from pytest_modelbudget.judge.limits.growth_limits import (
    MaxAccuracyLoss,
    MaxBytesGrowth,
    MaxGzipBytesGrowth,
    MaxInstructionsGrowth,
    MaxLatencyGrowth,
    MaxMacsGrowth,
    MaxMemoryGrowth,
)
from pytest_modelbudget.judge.limits.instruction_limits import MaxInstructions
from pytest_modelbudget.judge.limits.latency_limits import (
    MaxLatency,
    MaxLatencyP90,
    MaxLatencyP99,
    MaxLatencyRatio,
)
from pytest_modelbudget.judge.limits.limit_kind import FigureLimit, Limit, LimitKind
from pytest_modelbudget.judge.limits.memory_limits import MaxMemory
from pytest_modelbudget.judge.limits.size_limits import MaxBytes, MaxGzipBytes
from pytest_modelbudget.judge.limits.structure_limits import (
    AllowedOps,
    IntegerOnly,
    MaxMacs,
    MaxUniqueWeights,
    MinSparsity,
)

_KINDS: tuple[LimitKind, ...] = (
    MaxBytes(),
    MaxGzipBytes(),
    MaxAccuracyDrop(),
    MaxRelativeAccuracyDrop(),
    MinAccuracy(),
    MaxLatency(),
    MaxLatencyP90(),
    MaxLatencyP99(),
    MaxLatencyRatio(),
    MaxMemory(),
    MaxMacs(),
    MaxInstructions(),
    MinSparsity(),
    MaxUniqueWeights(),
    IntegerOnly(),
    AllowedOps(),
    MaxBytesGrowth(),
    MaxGzipBytesGrowth(),
    MaxAccuracyLoss(),
    MaxLatencyGrowth(),
    MaxMemoryGrowth(),
    MaxMacsGrowth(),
    MaxInstructionsGrowth(),
)

LIMITS: Mapping[str, LimitKind] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""Every limit that ``budget:`` takes, by its name."""

FIGURES: Mapping[str, FigureLimit] = MappingProxyType(
    {kind.figure: kind for kind in _KINDS if isinstance(kind, FigureLimit) and kind.figure}
)
"""What the ledger keeps of a variant, by its name: the limit that measures it."""


def measure(limit: Limit, findings: Findings) -> Measurement:
    """Read what is compared with ``limit``: the target's figure where a target was asked.

    Raises:
        UnmeasuredError: If it cannot be read from ``findings``.
    """
    kind = LIMITS[limit.name]
    read = kind.measure_on_target if findings.figures else kind.measure
    return read(findings, limit)


def measure_figure(name: str, findings: Findings) -> Measurement:
    """Read a figure of ``FIGURES``: that of the target where a target was asked.

    Raises:
        UnmeasuredError: If it cannot be read from ``findings``.
    """
    kind = FIGURES[name]
    return kind.read_on_target(findings) if findings.figures else kind.read(findings)

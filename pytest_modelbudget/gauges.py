"""How each limit is read from what was found: one small pure function a limit."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from pytest_modelbudget.budgetfile.quantities import format_score
from pytest_modelbudget.budgetfile.types import Budget, CommandTarget, Limit
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.jobs import (
    Arena,
    Comparison,
    Figure,
    Figures,
    Interval,
    LatencySample,
    Score,
    Structure,
)
from pytest_modelbudget.report import comparison as text
from pytest_modelbudget.report import latency

Need = Literal["artifact", "score", "baseline", "latency", "ratio", "structure", "figures", "arena"]
T = TypeVar("T")


class UnmeasuredError(ModelBudgetError):
    """A limit that could not be judged, and why. Never a pass."""


@dataclass(frozen=True)
class Artifact:
    """A ``.tflite`` in the store, and how it came to be.

    ``seconds`` is what its last stage took when it was built; ``cached`` says that this
    was not in this session. ``layers_left`` has a line for each stage that left layers as
    they were.
    """

    path: Path
    sha256: str
    size_bytes: int
    gzip_bytes: int
    seconds: float
    cached: bool
    layers_left: str = ""


@dataclass(frozen=True)
class Findings:
    """All that was found out about one variant, as far as the limit needs it.

    ``confident``: an interval must lie inside its limit, not only the value.
    """

    artifact: Artifact
    metric: str
    higher_is_better: bool
    score: Score | None = None
    baseline: float | None = None
    comparison: Comparison | None = None
    confident: bool = False
    latency: LatencySample | None = None
    structure: Structure | None = None
    figures: Figures | None = None
    arena: Arena | None = None


@dataclass(frozen=True)
class Measurement:
    """The value that a limit is held against, in the limit's unit, and how it was taken.

    ``resolvable`` is the smallest value that the test data can tell from none; 0.0 is any.
    ``interval`` must lie on one side of the limit, else ``disturbed`` says what was in the way.
    """

    value: float
    how: str
    baseline: str = ""
    resolvable: float = 0.0
    interval: tuple[float, float | None] | None = None
    disturbed: str = ""


@dataclass(frozen=True)
class Gauge:
    """What must be there to judge a limit, and how to read it."""

    needs: frozenset[Need]
    read: Callable[[Findings], Measurement]


def gauge_of(limit: Limit, budget: Budget) -> Gauge:
    """Return the gauge of ``limit``.

    Raises:
        UnmeasuredError: If this version cannot judge the limit as the budget asks for it.
    """
    if isinstance(limit.bound, tuple):
        return Gauge(_STRUCTURE, partial(_other_operators, limit.bound))
    elsewhere = _ELSEWHERE.get(budget.latency.target, TARGET_GAUGES)
    gauge = elsewhere.get(limit.name) or GAUGES.get(limit.name)
    if gauge is None:
        raise UnmeasuredError(f"{limit.name} is not available in this version")
    return gauge


def _size(findings: Findings) -> Measurement:
    return Measurement(findings.artifact.size_bytes, "the .tflite as it is")


def _gzip_size(findings: Findings) -> Measurement:
    return Measurement(findings.artifact.gzip_bytes, "the .tflite deflated at level 9")


def _score(findings: Findings) -> Measurement:
    score, comparison = _present(findings.score), _present(findings.comparison)
    interval = comparison.score
    how = f"{findings.metric} over {score.samples:,} samples; {text.spread(comparison, interval)}"
    if not findings.confident:
        return Measurement(score.value, how)
    low = _certain(interval, comparison).low
    return Measurement(low, f"low end of {format_score(score.value)} {how}")


def _drop(findings: Findings) -> Measurement:
    return _drop_in(findings, 1.0)


def _relative_drop(findings: Findings) -> Measurement:
    baseline = _present(findings.baseline)
    if baseline == 0:
        raise UnmeasuredError(f"the baseline's {findings.metric} is 0: no share of it can be taken")
    return _drop_in(findings, abs(baseline))


def _drop_in(findings: Findings, unit: float) -> Measurement:
    """Measure the drop in multiples of ``unit``, of the metric."""
    score, baseline = _present(findings.score), _present(findings.baseline)
    comparison = _present(findings.comparison)
    change = score.value - baseline
    drop = 0.0 - change if findings.higher_is_better else change  # and never -0.0
    interval = comparison.drop
    told = f"drop {format_score(drop)}, {text.spread(comparison, interval)}"
    if findings.confident:
        interval = _certain(interval, comparison)
        drop, told = interval.high, f"high end of {told}"
    scored = f"{findings.metric} {format_score(score.value)} over {score.samples:,} samples"
    how = "; ".join([told, scored, *text.details(comparison)])
    against = f"{findings.metric} {format_score(baseline)}"
    resolvable = (interval.high - interval.low) / 2 if interval else 0.0
    return Measurement(drop / unit, how, against, resolvable / unit)


def _certain(interval: Interval | None, comparison: Comparison) -> Interval:
    if interval is None:
        raise UnmeasuredError(f"`confidence` needs an interval: {comparison.why}")
    return interval


def _latency(figure: Figure) -> Callable[[Findings], Measurement]:
    def read(findings: Findings) -> Measurement:
        sample = _present(findings.latency)
        found = sample.estimate(figure)
        return Measurement(
            found.value,
            latency.described(figure, sample),
            "the float model" if figure == "ratio" else "",
            interval=(found.low, found.high if math.isfinite(found.high) else None),
            disturbed=latency.disturbed(sample),
        )

    return read


def _sparsity(findings: Findings) -> Measurement:
    structure = _present(findings.structure)
    elements = sum(math.prod(weight.shape) for weight in structure.weights)
    return Measurement(structure.sparsity, f"zeros among {elements:,} weights of the .tflite")


def _unique_weights(findings: Findings) -> Measurement:
    structure = _present(findings.structure)
    most = max(structure.weights, key=lambda weight: weight.unique, default=None)
    name = most.name if most else "no weights"
    return Measurement(structure.unique_weights, f"different values, most of them in {name}")


def _macs(findings: Findings) -> Measurement:
    macs = _present(findings.structure).macs
    if macs is None:
        raise UnmeasuredError("the graph has loops, branches or operators of its own to count")
    return Measurement(macs, "read from the graph, for one sample")


def _integer_only(findings: Findings) -> Measurement:
    return _operators("float", _present(findings.structure).float_operators)


def _other_operators(allowed: tuple[str, ...], findings: Findings) -> Measurement:
    operators = _present(findings.structure).operators
    return _operators("other", [name for name in operators if name not in allowed])


def _operators(kind: str, found: Sequence[str]) -> Measurement:
    count = len(found) or "no"
    names = f": {', '.join(found)}" if found else ""
    return Measurement(len(found), f"{count} {kind} operator{'s' * (len(found) > 1)}{names}")


def _memory(findings: Findings) -> Measurement:
    arena = _present(findings.arena)
    beside = f", {arena.beside_bytes:,} B beside it" if arena.beside_bytes else ""
    how = (
        f"arena of {arena.planned_bytes:,} B planned by LiteRT{beside}; "
        f"{arena.live_bytes:,} B of activations live at once"
    )
    return Measurement(arena.planned_bytes + arena.beside_bytes, how)


def _target_latency(
    field: Literal["latency_s", "p90_s", "p99_s"],
) -> Callable[[Findings], Measurement]:
    def read(findings: Findings) -> Measurement:
        return _figure(findings, field)

    return read


def _target_memory(findings: Findings) -> Measurement:
    return _figure(findings, "memory_bytes")


def _target_size(findings: Findings) -> Measurement:
    if _present(findings.figures).size_bytes is None:
        return _size(findings)
    stored = _figure(findings, "size_bytes")
    how = f"on the target, {stored.how}; the .tflite has {findings.artifact.size_bytes:,} B"
    return Measurement(stored.value, how)


def _figure(findings: Findings, field: str) -> Measurement:
    figures = _present(findings.figures)
    value = getattr(figures, field)
    if value is None:
        raise UnmeasuredError(f"the target gives no {field}: {figures.how}")
    return Measurement(value, figures.how)


def _no_ratio(_findings: Findings) -> Measurement:
    raise UnmeasuredError("a ratio is only measured on the host; write latency: {target: host}")


def _present(value: T | None) -> T:
    assert value is not None, "the pipeline finds what the gauge needs"
    return value


_STRUCTURE: frozenset[Need] = frozenset({"artifact", "structure"})
GAUGES: Mapping[str, Gauge] = {
    "max_bytes": Gauge(frozenset({"artifact"}), _size),
    "max_gzip_bytes": Gauge(frozenset({"artifact"}), _gzip_size),
    "min_accuracy": Gauge(frozenset({"artifact", "score"}), _score),
    "max_accuracy_drop": Gauge(frozenset({"artifact", "score", "baseline"}), _drop),
    "max_relative_accuracy_drop": Gauge(
        frozenset({"artifact", "score", "baseline"}), _relative_drop
    ),
    "min_sparsity": Gauge(_STRUCTURE, _sparsity),
    "max_unique_weights": Gauge(_STRUCTURE, _unique_weights),
    "max_macs": Gauge(_STRUCTURE, _macs),
    "integer_only": Gauge(_STRUCTURE, _integer_only),
    "max_memory": Gauge(frozenset({"artifact", "arena"}), _memory),
    "max_latency": Gauge(frozenset({"artifact", "latency"}), _latency("p50")),
    "max_latency_p90": Gauge(frozenset({"artifact", "latency"}), _latency("p90")),
    "max_latency_p99": Gauge(frozenset({"artifact", "latency"}), _latency("p99")),
    "max_latency_ratio": Gauge(frozenset({"artifact", "ratio"}), _latency("ratio")),
}

_ON_TARGET: frozenset[Need] = frozenset({"artifact", "figures"})
_TARGET_LATENCIES: Mapping[str, Gauge] = {
    "max_latency": Gauge(_ON_TARGET, _target_latency("latency_s")),
    "max_latency_p90": Gauge(_ON_TARGET, _target_latency("p90_s")),
    "max_latency_p99": Gauge(_ON_TARGET, _target_latency("p99_s")),
    "max_latency_ratio": Gauge(frozenset({"artifact"}), _no_ratio),
}
TARGET_GAUGES: Mapping[str, Gauge] = {
    **_TARGET_LATENCIES,
    "max_bytes": Gauge(_ON_TARGET, _target_size),
    "max_memory": Gauge(_ON_TARGET, _target_memory),
}
"""The gauges that differ where ``latency.target`` is not this machine."""

# adb runs LiteRT on the same file: what is stored and planned there is known here.
_ELSEWHERE: Mapping[str | CommandTarget, Mapping[str, Gauge]] = {
    "host": {},
    "adb": _TARGET_LATENCIES,
}

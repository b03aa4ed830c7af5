"""How each limit is read from what was found: one small pure function a limit."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pytest_modelbudget.budgetfile.quantities import format_score
from pytest_modelbudget.budgetfile.types import Budget, Limit
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.jobs import Figure, LatencySample, Score, Structure
from pytest_modelbudget.report import latency

Need = Literal["artifact", "score", "baseline", "latency", "ratio", "structure"]
T = TypeVar("T")


class UnmeasuredError(ModelBudgetError):
    """A limit that could not be judged, and why. Never a pass."""


@dataclass(frozen=True)
class Artifact:
    """A ``.tflite`` in the store, and how it came to be.

    ``seconds`` is what its last stage took when it was built; ``cached`` says that this
    was not in this session.
    """

    path: Path
    sha256: str
    size_bytes: int
    gzip_bytes: int
    seconds: float
    cached: bool


@dataclass(frozen=True)
class Findings:
    """All that was found out about one variant, as far as the limit needs it."""

    artifact: Artifact
    metric: str
    higher_is_better: bool
    score: Score | None = None
    baseline: float | None = None
    latency: LatencySample | None = None
    structure: Structure | None = None


@dataclass(frozen=True)
class Measurement:
    """The value that a limit is held against, in the limit's unit, and how it was taken.

    ``interval`` must lie on one side of the limit, else ``disturbed`` says what was in the way.
    """

    value: float
    how: str
    baseline: str = ""
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
    gauge = GAUGES.get(limit.name)
    if gauge is None:
        raise UnmeasuredError(f"{limit.name} is not available in this version")
    if gauge.needs & {"latency", "ratio"} and budget.latency.target != "host":
        raise UnmeasuredError("a latency.target other than host is not available in this version")
    if "score" in gauge.needs and budget.confidence is not None:
        raise UnmeasuredError("`confidence` is not available in this version")
    return gauge


def _size(findings: Findings) -> Measurement:
    return Measurement(findings.artifact.size_bytes, "the .tflite as it is")


def _gzip_size(findings: Findings) -> Measurement:
    return Measurement(findings.artifact.gzip_bytes, "the .tflite deflated at level 9")


def _score(findings: Findings) -> Measurement:
    score = _present(findings.score)
    return Measurement(score.value, f"{findings.metric} over {score.samples:,} samples")


def _drop(findings: Findings) -> Measurement:
    score, baseline = _present(findings.score), _present(findings.baseline)
    change = score.value - baseline
    drop = 0.0 - change if findings.higher_is_better else change  # and never -0.0
    how = f"{findings.metric} {format_score(score.value)} over {score.samples:,} samples"
    return Measurement(drop, how, f"{findings.metric} {format_score(baseline)}")


def _relative_drop(findings: Findings) -> Measurement:
    drop, baseline = _drop(findings), _present(findings.baseline)
    if baseline == 0:
        raise UnmeasuredError(f"the baseline's {findings.metric} is 0: no share of it can be taken")
    return Measurement(drop.value / abs(baseline), drop.how, drop.baseline)


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
    found = _present(findings.structure).float_operators
    return Measurement(len(found), f"kinds of float operators: {', '.join(found) or 'none'}")


def _present(value: T | None) -> T:
    assert value is not None, "the pipeline finds what the gauge needs"
    return value


GAUGES: Mapping[str, Gauge] = {
    "max_bytes": Gauge(frozenset({"artifact"}), _size),
    "max_gzip_bytes": Gauge(frozenset({"artifact"}), _gzip_size),
    "min_accuracy": Gauge(frozenset({"artifact", "score"}), _score),
    "max_accuracy_drop": Gauge(frozenset({"artifact", "score", "baseline"}), _drop),
    "max_relative_accuracy_drop": Gauge(
        frozenset({"artifact", "score", "baseline"}), _relative_drop
    ),
    "min_sparsity": Gauge(frozenset({"artifact", "structure"}), _sparsity),
    "max_unique_weights": Gauge(frozenset({"artifact", "structure"}), _unique_weights),
    "max_macs": Gauge(frozenset({"artifact", "structure"}), _macs),
    "integer_only": Gauge(frozenset({"artifact", "structure"}), _integer_only),
    "max_latency": Gauge(frozenset({"artifact", "latency"}), _latency("p50")),
    "max_latency_p90": Gauge(frozenset({"artifact", "latency"}), _latency("p90")),
    "max_latency_p99": Gauge(frozenset({"artifact", "latency"}), _latency("p99")),
    "max_latency_ratio": Gauge(frozenset({"artifact", "ratio"}), _latency("ratio")),
}

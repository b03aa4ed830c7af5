"""Says how certain a score and its drop are, from what was kept of every sample."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_modelbudget.budgetfile.types import Metric
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results import ClassAccuracy, Comparison, Flips, Interval, Score
from pytest_modelbudget.protocol.jobs import CompareJob
from pytest_modelbudget.workers.measure.accuracy.metrics import Columns, scorer_of
from pytest_modelbudget.workers.measure.accuracy.per_sample import read_outcomes
from pytest_modelbudget.workers.measure.accuracy.score_intervals import (
    Floats,
    Rows,
    bootstrap,
    mcnemar,
    tango,
    wilson,
)
from pytest_modelbudget.workers.userdata.datasets import Array

_LISTED = 100  # flipped samples


@dataclass(frozen=True, eq=False)
class _Side:
    """One evaluated model."""

    score: Score
    outcomes: Columns

    @classmethod
    def read(cls, folder: Path) -> "_Side":
        score = Score.model_validate_json((folder / "result.json").read_bytes())
        return cls(score, read_outcomes(folder))

    @property
    def right(self) -> Array | None:
        """Whether each sample is right; None if the metric is not about that."""
        score = self.outcomes.get("score")
        return score if score is not None and score.dtype == np.bool_ else None


def compare(job: CompareJob) -> Comparison:
    """Make the intervals of a score and of its drop, where they can be made.

    Raises:
        JobError: The user's own metric cannot be loaded.
    """
    model = _Side.read(job.scored)
    baseline = _Side.read(job.baseline) if isinstance(job.baseline, Path) else None
    if baseline and baseline.score.data != model.score.data:
        why = (
            "the test data were not the same for the baseline, or in another order, so that no "
            "samples can be paired: let data.test give the same each time"
        )
        return Comparison(confidence=job.confidence, why=why)
    known = job.baseline if isinstance(job.baseline, float) else None
    if model.right is not None:
        return _compare_right(job, model.right, baseline, known, model.outcomes["label"])
    try:
        return _compare_by_bootstrap(job, model, baseline, known)
    except JobError as error:
        return Comparison(confidence=job.confidence, why=error.cause)


def _compare_right(
    job: CompareJob, right: Array, baseline: _Side | None, known: float | None, labels: Array
) -> Comparison:
    before = baseline.right if baseline else None
    score = wilson(int(right.sum()), len(right), job.confidence)
    drop = flips = None
    method = "Wilson"
    if known is not None:
        drop = _drop_from(known, score, job.metric)
    elif before is not None:
        flips = _flips(before & ~right, right & ~before)
        drop = tango(flips.lost, flips.gained, len(right), job.confidence)
        method = "paired, Tango"
    classes = _classes(labels, right, before)
    return Comparison(
        confidence=job.confidence,
        score=score,
        drop=drop,
        method=method,
        flips=flips,
        classes=classes,
    )


def _flips(lost: Array, gained: Array) -> Flips:
    lost_samples, gained_samples = np.flatnonzero(lost), np.flatnonzero(gained)
    return Flips(
        lost=len(lost_samples),
        gained=len(gained_samples),
        lost_samples=tuple(map(int, lost_samples[:_LISTED])),
        gained_samples=tuple(map(int, gained_samples[:_LISTED])),
        p_value=mcnemar(len(lost_samples), len(gained_samples)),
    )


def _classes(labels: Array, right: Array, before: Array | None) -> tuple[ClassAccuracy, ...]:
    samples = np.bincount(labels)
    hits = np.bincount(labels, right)
    earlier = None if before is None else np.bincount(labels, before)
    return tuple(
        ClassAccuracy(
            label=int(label),
            samples=int(samples[label]),
            accuracy=float(hits[label] / samples[label]),
            baseline=None if earlier is None else float(earlier[label] / samples[label]),
        )
        for label in np.flatnonzero(samples)
    )


def _compare_by_bootstrap(
    job: CompareJob, model: _Side, baseline: _Side | None, known: float | None
) -> Comparison:
    value, sides = scorer_of(job.metric).value, [model, *([baseline] if baseline else [])]
    worse = -1.0 if job.metric.higher_is_better else 1.0

    def statistics(values: list[float]) -> Floats:
        drops = (worse * (values[0] - other) + 0.0 for other in values[1:])  # and never -0.0
        return np.array([values[0], *drops])

    def drawn(rows: Rows) -> Floats:
        return statistics([_of_rows(value, side.outcomes, rows) for side in sides])

    estimates = statistics([side.score.value for side in sides])
    score, *drops = bootstrap(drawn, estimates, model.score.samples, job.confidence)
    drop = _drop_from(known, score, job.metric) if known is not None else None
    return Comparison(
        confidence=job.confidence,
        score=score,
        drop=drops[0] if drops else drop,
        method="paired bootstrap" if drops else "bootstrap",
    )


def _of_rows(value: Callable[[Columns], float], outcomes: Columns, rows: Rows) -> float:
    return value({name: column[rows] for name, column in outcomes.items()})


def _drop_from(baseline: float, score: Interval, metric: Metric) -> Interval:
    """Return the drop from a baseline that is taken as exact."""
    if metric.higher_is_better:
        return Interval(low=baseline - score.high, high=baseline - score.low)
    return Interval(low=score.low - baseline, high=score.high - baseline)

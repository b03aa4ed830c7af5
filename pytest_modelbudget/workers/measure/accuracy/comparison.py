"""Confidence intervals of a score and of its drop, from the stored columns of each sample."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_modelbudget.budgetfile.types import Metric
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.scores import (
    ClassAccuracy,
    Comparison,
    Flips,
    Interval,
    ModelScore,
)
from pytest_modelbudget.protocol.score_jobs import CompareJob
from pytest_modelbudget.workers.measure.accuracy.metrics import Columns, scorer_of
from pytest_modelbudget.workers.measure.accuracy.per_sample import read_columns
from pytest_modelbudget.workers.measure.accuracy.score_intervals import (
    Floats,
    Rows,
    bootstrap,
    mcnemar,
    tango,
    wilson,
)
from pytest_modelbudget.workers.userdata.datasets import Array

_LISTED = 100  # flipped samples in a report, at most


@dataclass(frozen=True, eq=False)
class _Evaluated:
    """One evaluated model: its score, and the columns that the metric stored of each sample."""

    score: ModelScore
    columns: Columns

    @classmethod
    def read(cls, folder: Path) -> "_Evaluated":
        score = ModelScore.model_validate_json((folder / "result.json").read_bytes())
        return cls(score, read_columns(folder))

    @property
    def right(self) -> Array | None:
        """Whether each sample is right, bool of shape (n,); None if the metric has other scores."""
        score = self.columns.get("score")
        return score if score is not None and score.dtype == np.bool_ else None


def compare(job: CompareJob) -> Comparison:
    """Compute the confidence intervals of a score and of its drop.

    Returns:
        The intervals; without them and with ``why`` where the samples do not allow any.

    Raises:
        JobError: If the model and the baseline were evaluated on other samples, or if the user's
            own metric cannot be loaded or gives another score for the same outputs.
    """
    model = _Evaluated.read(job.scored)
    baseline = _Evaluated.read(job.baseline) if isinstance(job.baseline, Path) else None
    for evaluated in (model, baseline):
        if evaluated and job.metric.call:
            _check_repeatable(job.metric, evaluated)
    if baseline and baseline.score.sample_set != model.score.sample_set:
        raise JobError(
            "data.test returned other samples for the baseline than for the model",
            "return the same samples each time, for example with a seed",
        )
    if baseline and baseline.score.data != model.score.data:
        why = (
            "data.test returned other samples, or another order, for the baseline than for the "
            "model, so samples cannot be paired; return the same samples in the same order each "
            "time"
        )
        return Comparison(confidence=job.confidence, why=why)
    known = job.baseline if isinstance(job.baseline, float) else None
    if model.right is not None:
        return _compare_right(job, model.right, baseline, known, model.columns["label"])
    try:
        return _compare_by_bootstrap(job, model, baseline, known)
    except JobError as error:
        return Comparison(confidence=job.confidence, why=error.cause)


def _check_repeatable(metric: Metric, evaluated: _Evaluated) -> None:
    """Compute the score again in this process, which is not that of the evaluation.

    Raises:
        JobError: if it is another one.
    """
    again = scorer_of(metric).value(evaluated.columns)
    if not math.isclose(again, evaluated.score.value, rel_tol=1e-6, abs_tol=1e-12):
        raise JobError(
            f"{metric} gave {evaluated.score.value:.4g} and then {again:.4g} for the same outputs",
            "return the same score each time, for example with a seed",
        )


def _compare_right(
    job: CompareJob, right: Array, baseline: _Evaluated | None, known: float | None, labels: Array
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
    job: CompareJob, model: _Evaluated, baseline: _Evaluated | None, known: float | None
) -> Comparison:
    value, evaluated = scorer_of(job.metric).value, [model, *([baseline] if baseline else [])]
    worse = -1.0 if job.metric.higher_is_better else 1.0

    def statistics(values: list[float]) -> Floats:
        drops = (
            worse * (values[0] - other) + 0.0 for other in values[1:]
        )  # + 0.0 turns -0.0 into 0.0
        return np.array([values[0], *drops])

    def drawn(rows: Rows) -> Floats:
        return statistics([_of_rows(value, each.columns, rows) for each in evaluated])

    estimates = statistics([each.score.value for each in evaluated])
    score, *drops = bootstrap(drawn, estimates, model.score.samples, job.confidence)
    drop = _drop_from(known, score, job.metric) if known is not None else None
    return Comparison(
        confidence=job.confidence,
        score=score,
        drop=drops[0] if drops else drop,
        method="paired bootstrap" if drops else "bootstrap",
    )


def _of_rows(value: Callable[[Columns], float], columns: Columns, rows: Rows) -> float:
    return value({name: column[rows] for name, column in columns.items()})


def _drop_from(baseline: float, score: Interval, metric: Metric) -> Interval:
    """Return the drop from a baseline without an interval of its own."""
    if metric.higher_is_better:
        return Interval(low=baseline - score.high, high=baseline - score.low)
    return Interval(low=score.low - baseline, high=score.high - baseline)

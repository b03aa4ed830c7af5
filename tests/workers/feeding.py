"""Samples for the metrics, and what feeds them in batches."""

from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.types import Metric
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.measure.accuracy.metrics import scorer_of

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(4, size=200)
SCORES = RANDOM.random((200, 4)).astype(np.float32)
BINARY = RANDOM.integers(2, size=200)
# Few different values, so that many are equal.
PROBABILITIES = np.round(RANDOM.random(200), 1).astype(np.float32)


def value(metric: Metric, y_true: Any, y_pred: Any, batch: int = 64) -> float:
    """Feed a metric in batches."""
    scorer = scorer_of(metric)
    kept = [
        scorer.keep(cut(y_true, rows), cut(y_pred, rows))
        for rows in (slice(start, start + batch) for start in range(0, 200, batch))
    ]
    return scorer.value({name: np.concatenate([part[name] for part in kept]) for name in kept[0]})


def cut(values: Any, rows: slice) -> Any:
    if isinstance(values, dict):
        return {name: array[rows] for name, array in values.items()}
    return values[rows]


def failure(metric: Metric, y_true: Any, y_pred: Any) -> str:
    with pytest.raises(JobError) as error:
        value(metric, y_true, y_pred, batch=200)
    return str(error.value)

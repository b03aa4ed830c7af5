"""The metrics, fed a batch at a time."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import numpy as np

from pytest_modelbudget.budgetfile.types import Metric
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.measure import scores
from pytest_modelbudget.worker.batch import concatenate
from pytest_modelbudget.worker.data import Array, Arrays
from pytest_modelbudget.worker.usercode import load_callable, user_code


class Accumulator(Protocol):
    """A metric in the making."""

    def update(self, y_true: Arrays, y_pred: Arrays) -> None:
        """Take in a batch; arrays, or dicts by output name, samples first.

        Raises:
            JobError: Labels or shapes do not fit the metric.
        """

    def result(self) -> float:
        """Return the metric over all that was taken in.

        Raises:
            JobError: It is not defined for these samples, or not a finite number.
        """


def accumulator(metric: Metric) -> Accumulator:
    """Begin ``metric``.

    Raises:
        JobError: The user's own metric cannot be loaded.
    """
    name = str(metric)
    if metric.call is not None:
        return _Whole(name, partial(_call, metric.call, load_callable(metric.call)))
    means: Mapping[str, Callable[[Array, Array], Array]] = {
        "accuracy": scores.correct,
        "top_k_accuracy": partial(scores.in_top_k, k=metric.k),
        "mae": scores.absolute_error,
        "mse": scores.squared_error,
    }
    if metric.name in means:
        return _Mean(name, means[metric.name])
    whole: Mapping[str, Callable[[Array, Array], float]] = {"auc": scores.auc, "f1": scores.f1}
    return _Whole(name, partial(_on_one_output, whole[metric.name]))


class _Mean:
    """The mean over every element of what ``score`` gives for a batch."""

    def __init__(self, name: str, score: Callable[[Array, Array], Array]) -> None:
        self._name = name
        self._score = score
        self._sum = 0.0
        self._count = 0

    def update(self, y_true: Arrays, y_pred: Arrays) -> None:
        score = self._score(*_one_output(y_true, y_pred))
        self._sum += float(score.sum(dtype=np.float64))
        self._count += score.size

    def result(self) -> float:
        return _finite(self._name, self._sum / self._count)


class _Whole:
    """What ``function`` gives for all samples at once."""

    def __init__(self, name: str, function: Callable[[Arrays, Arrays], object]) -> None:
        self._name = name
        self._function = function
        self._true: list[Arrays] = []
        self._pred: list[Arrays] = []

    def update(self, y_true: Arrays, y_pred: Arrays) -> None:
        self._true.append(y_true)
        self._pred.append(y_pred)

    def result(self) -> float:
        value = self._function(concatenate(self._true), concatenate(self._pred))
        return _finite(self._name, value)


def _call(name: str, function: Callable[..., object], y_true: Arrays, y_pred: Arrays) -> object:
    with user_code(name):
        return function(y_true, y_pred)


def _on_one_output(
    function: Callable[[Array, Array], float], y_true: Arrays, y_pred: Arrays
) -> float:
    return function(*_one_output(y_true, y_pred))


def _one_output(y_true: Arrays, y_pred: Arrays) -> tuple[Array, Array]:
    if not isinstance(y_pred, dict):
        if isinstance(y_true, dict):
            if len(y_true) != 1:
                cause = f"y is keyed by {', '.join(y_true)}, the model has one output"
                raise JobError(cause, "give y as one array")
            y_true = next(iter(y_true.values()))
        return y_true, y_pred
    outputs = ", ".join(y_pred)
    hint = "give y as a dict with the one output to judge, or a metric of your own"
    if not isinstance(y_true, dict):
        raise JobError(f"y is one array, the model's outputs are {outputs}", hint)
    if len(y_true) != 1 or not y_true.keys() <= y_pred.keys():
        cause = f"y is keyed by {', '.join(y_true)}, the model's outputs are {outputs}"
        raise JobError(cause, hint)
    name = next(iter(y_true))
    return y_true[name], y_pred[name]


def _finite(name: str, value: object) -> float:
    number = np.asarray(value)
    if number.shape or number.dtype.kind not in "iuf" or not np.isfinite(number):
        cause = f"{name} is {_described(value, number)}, not a finite number"
        raise JobError(cause, "check the metric and the values it gets")
    return float(number)


def _described(value: object, number: Array) -> str:
    return f"an array of shape {number.shape}" if number.shape else repr(value)[:60]

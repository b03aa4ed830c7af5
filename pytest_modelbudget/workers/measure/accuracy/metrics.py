"""The metrics: which columns each stores of a sample, and the value of all samples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pytest_modelbudget.budgetfile.types import Metric
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.measure.accuracy import metric_functions
from pytest_modelbudget.workers.userdata.datasets import Array, Arrays
from pytest_modelbudget.workers.userdata.usercode import load_callable, user_code

Columns = dict[str, Array]
"""The stored columns of the samples, by name; the first axis is the sample."""


@dataclass(frozen=True)
class Scorer:
    """The computation of one metric, in two steps.

    Attributes:
        keep: Returns the columns to store, from labels and outputs of a batch (arrays, or dicts
            by output name, samples first). A column ``score`` means that the metric is its mean:
            bool if samples are right or wrong, and then the column ``label`` has their class.
            Raises JobError if labels or shapes do not fit the metric.
        value: Returns the metric, from the columns of all samples or of some. Raises JobError if
            it is undefined for these samples, or not finite.
    """

    keep: Callable[[Arrays, Arrays], Columns]
    value: Callable[[Columns], float]


def scorer_of(metric: Metric) -> Scorer:
    """Return the computation of ``metric``.

    Raises:
        JobError: If the user's own metric cannot be loaded.
    """
    name = str(metric)
    if metric.call is not None:
        function = partial(_call, metric.call, load_callable(metric.call))
        return Scorer(_keep_all, partial(_whole, name, function))
    right: Mapping[str, Callable[[Array, Array], Array]] = {
        "accuracy": metric_functions.correct,
        "top_k_accuracy": partial(metric_functions.in_top_k, k=metric.k),
    }
    if metric.name in right:
        return Scorer(partial(_keep_right, right[metric.name]), partial(_mean, name))
    errors = {"mae": metric_functions.absolute_error, "mse": metric_functions.squared_error}
    if metric.name in errors:
        return Scorer(partial(_keep_error, errors[metric.name]), partial(_mean, name))
    whole: Mapping[str, Callable[[Array, Array], float]] = {
        "auc": metric_functions.auc,
        "f1": metric_functions.f1,
    }
    return Scorer(_keep_one_output, partial(_whole, name, whole[metric.name]))


def read_output(metric: Metric, y: Arrays, outputs: dict[str, Array]) -> tuple[Arrays, Arrays]:
    """Return the labels and outputs of a batch that ``metric`` reads.

    Raises:
        JobError: If the model or the labels do not have the outputs that it names, or if a metric
            of the user's own does not name any of several.
    """
    names, found = metric.outputs or (metric.output,), ", ".join(outputs)
    if not any(names):
        if metric.call and len(outputs) > 1:
            cause = f"the model has the outputs {found}, and {metric} does not name one"
            hint = f"write {{call: {metric}, output: {next(iter(outputs))}}}, or outputs: [{found}]"
            raise JobError(cause, hint)
        return y, outputs if len(outputs) > 1 else next(iter(outputs.values()))
    for name in names:
        if name not in outputs:
            raise JobError(f"the model has no output {name}", f"name one of its outputs: {found}")
    if metric.outputs:
        return y, {name: outputs[name] for name in names}
    if isinstance(y, dict):
        if metric.output not in y:
            cause = f"{metric} needs labels of {metric.output}, but y has the keys {', '.join(y)}"
            raise JobError(cause, "use the output's name as the key of its labels")
        y = y[metric.output]
    return y, outputs[metric.output]


def _keep_right(right: Callable[[Array, Array], Array], y_true: Arrays, y_pred: Arrays) -> Columns:
    true, pred = _one_output(y_true, y_pred)
    return {"score": right(true, pred), "label": metric_functions.labels(true, pred)}


def _keep_error(error: Callable[[Array, Array], Array], y_true: Arrays, y_pred: Arrays) -> Columns:
    errors = error(*_one_output(y_true, y_pred))
    return {"score": errors.reshape(len(errors), -1).mean(axis=1, dtype=np.float64)}


def _keep_one_output(y_true: Arrays, y_pred: Arrays) -> Columns:
    true, pred = _one_output(y_true, y_pred)
    return {"y_true": true, "y_pred": pred}


def _keep_all(y_true: Arrays, y_pred: Arrays) -> Columns:
    return _flat("y_true", y_true) | _flat("y_pred", y_pred)


def _flat(name: str, arrays: Arrays) -> Columns:
    if isinstance(arrays, dict):
        return {f"{name}.{key}": array for key, array in arrays.items()}
    return {name: arrays}


def _unflat(name: str, columns: Columns) -> Any:
    prefix = f"{name}."
    parts = {key.removeprefix(prefix): columns[key] for key in columns if key.startswith(prefix)}
    return parts or columns[name]


def _mean(name: str, columns: Columns) -> float:
    return _finite(name, float(columns["score"].mean(dtype=np.float64)))


def _whole(name: str, function: Callable[[Any, Any], object], columns: Columns) -> float:
    return _finite(name, function(_unflat("y_true", columns), _unflat("y_pred", columns)))


def _call(name: str, function: Callable[..., object], y_true: Arrays, y_pred: Arrays) -> object:
    with user_code(name):
        return function(y_true, y_pred)


def _one_output(y_true: Arrays, y_pred: Arrays) -> tuple[Array, Array]:
    if not isinstance(y_pred, dict):
        if isinstance(y_true, dict):
            if len(y_true) != 1:
                cause = f"y has the keys {', '.join(y_true)}, but the model has one output"
                raise JobError(cause, "return y as one array")
            y_true = next(iter(y_true.values()))
        return y_true, y_pred
    outputs = ", ".join(y_pred)
    named = f"metric: {{accuracy: {{output: {next(iter(y_pred))}}}}}"
    hint = f"name the output to evaluate, such as {named}, or return y as a dict of it alone"
    if not isinstance(y_true, dict):
        raise JobError(f"y is one array, but the model has the outputs {outputs}", hint)
    if len(y_true) != 1 or not y_true.keys() <= y_pred.keys():
        cause = f"y has the keys {', '.join(y_true)}, but the model has the outputs {outputs}"
        raise JobError(cause, hint)
    name = next(iter(y_true))
    return y_true[name], y_pred[name]


def _finite(name: str, value: object) -> float:
    number = np.asarray(value)
    if number.shape or number.dtype.kind not in "iuf" or not np.isfinite(number):
        cause = f"{name} is {_described(value, number)}, not a finite number"
        raise JobError(cause, "check the metric and its inputs")
    return float(number)


def _described(value: object, number: Array) -> str:
    return f"an array of shape {number.shape}" if number.shape else repr(value)[:60]

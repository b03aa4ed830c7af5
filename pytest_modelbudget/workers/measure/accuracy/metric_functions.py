"""What the built-in metrics compute, on arrays whose first axis is the sample."""

import numpy as np
from numpy.typing import NDArray

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.userdata.datasets import Array

Labels = NDArray[np.int64]


def correct(y_true: Array, y_pred: Array) -> NDArray[np.bool_]:
    """Say of each sample whether its class was predicted."""
    return np.equal(*classes(y_true, y_pred))


def in_top_k(y_true: Array, y_pred: Array, k: int) -> NDArray[np.bool_]:
    """Say of each sample whether its class is among the ``k`` most likely; ties go by number."""
    if y_pred.ndim != 2 or y_pred.shape[1] < k:
        cause = f"top_k_accuracy with k {k} needs an output of at least {k} classes"
        raise JobError(f"{cause}, the model's is {_shape(y_pred)}", "use a smaller k")
    labels = _labels(y_true, y_pred.shape[1])
    score = y_pred[np.arange(len(labels)), labels][:, np.newaxis]
    earlier = np.arange(y_pred.shape[1]) < labels[:, np.newaxis]
    ahead = (y_pred > score) | ((y_pred == score) & earlier)
    return np.asarray(ahead.sum(axis=1) < k)


def absolute_error(y_true: Array, y_pred: Array) -> Array:
    """Return the absolute error of every element."""
    return np.abs(_difference(y_true, y_pred))


def squared_error(y_true: Array, y_pred: Array) -> Array:
    """Return the squared error of every element."""
    with np.errstate(over="ignore"):  # an infinite result is refused where it is used
        return np.square(_difference(y_true, y_pred))


def auc(y_true: Array, y_pred: Array) -> float:
    """Area under the ROC curve; the mean of one class against the rest if there are several."""
    count = _class_count(y_pred)
    labels = _labels(y_true, count)
    seen = np.bincount(labels, minlength=count)
    if not seen.all():
        cause = f"auc needs samples of all {count} classes, y has none of class {seen.argmin()}"
        raise JobError(cause, "give test data with every class")
    if count == 2:
        return _binary_auc(labels == 1, y_pred.reshape(len(labels), -1)[:, -1])
    return float(np.mean([_binary_auc(labels == i, y_pred[:, i]) for i in range(count)]))


def f1(y_true: Array, y_pred: Array) -> float:
    """F1 of class 1 of two; the mean over the classes that occur if there are more."""
    count = _class_count(y_pred)
    labels, predicted = classes(y_true, y_pred)
    hits = np.bincount(labels[labels == predicted], minlength=count)
    total = np.bincount(labels, minlength=count) + np.bincount(predicted, minlength=count)
    if count > 2:
        return float(np.mean(2 * hits[total > 0] / total[total > 0]))
    if not labels.any():
        raise JobError("f1 needs samples of class 1, y has none", "give test data with every class")
    return float(2 * hits[1] / total[1])


def classes(y_true: Array, y_pred: Array) -> tuple[Labels, Labels]:
    """Return the true and the predicted class of each sample.

    Args:
        y_true: Labels of shape (n,) or (n, 1), or one-hot of shape (n, classes).
        y_pred: Scores of shape (n, classes), or probabilities of class 1 of shape (n,) or (n, 1).

    Raises:
        JobError: Shapes do not fit, or values are no labels or probabilities.
    """
    labels = _labels(y_true, _class_count(y_pred))
    if y_pred.ndim == 2 and y_pred.shape[1] > 1:
        return labels, np.argmax(y_pred, axis=1)
    if y_pred.min() < 0 or y_pred.max() > 1:
        cause = f"one output is read as a probability, the model gives {_range(y_pred)}"
        raise JobError(cause, "end the model with a sigmoid")
    return labels, (y_pred.reshape(len(labels)) > 0.5).astype(np.int64)


def labels(y_true: Array, y_pred: Array) -> Labels:
    """Return the true class of each sample; arguments and errors as of ``classes``."""
    return _labels(y_true, _class_count(y_pred))


def _class_count(y_pred: Array) -> int:
    if y_pred.ndim == 1 or (y_pred.ndim == 2 and y_pred.shape[1] == 1):
        return 2
    if y_pred.ndim == 2:
        return int(y_pred.shape[1])
    cause = (
        f"classes need an output of shape (n, classes) or (n, 1), the model's is {_shape(y_pred)}"
    )
    raise JobError(cause, "choose another metric")


def _labels(y: Array, count: int) -> Labels:
    if y.ndim == 2 and y.shape[1] == count:
        if not (((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all()):
            raise JobError(f"y of shape {_shape(y)} is not one-hot", "give integer labels")
        return np.asarray(y.argmax(axis=1))
    if y.ndim > 2 or (y.ndim == 2 and y.shape[1] != 1):
        cause = f"y has shape {_shape(y)}, the model has {count} classes"
        raise JobError(cause, f"give labels of shape (n,), or one-hot (n, {count})")
    labels: Labels = y.reshape(len(y)).astype(np.int64)
    if y.dtype.kind == "f" and (labels != y.reshape(len(y))).any():
        raise JobError(f"y has {y.dtype} values ({_range(y)}) that are no labels", "use mae or mse")
    if labels.min() < 0 or labels.max() >= count:
        cause = f"y has labels {_range(y)}, the model has classes 0 to {count - 1}"
        raise JobError(cause, "number the classes from 0 as the model does")
    return labels


def _difference(y_true: Array, y_pred: Array) -> Array:
    if y_true.shape != y_pred.shape:
        # A last axis of 1 is all that may differ: broadcasting would compare every pair.
        if y_true.shape not in (y_pred.shape[:-1], (*y_pred.shape, 1)) or 1 not in (
            y_true.shape[-1],
            y_pred.shape[-1],
        ):
            cause = f"y has shape {_shape(y_true)}, the model's output {_shape(y_pred)}"
            raise JobError(cause, "give y the shape of the output")
        y_true = y_true.reshape(y_pred.shape)
    dtype = np.result_type(y_true, y_pred, np.float32)
    return np.subtract(y_true, y_pred, dtype=dtype)


def _binary_auc(positive: NDArray[np.bool_], scores: Array) -> float:
    """Return Mann and Whitney's U as a share of all pairs; equal scores share their mean rank."""
    from scipy.stats import rankdata  # here, because its import takes longer than an evaluation

    hits = int(positive.sum())
    above = rankdata(scores)[positive].sum() - hits * (hits + 1) / 2
    return float(above / (hits * (len(positive) - hits)))


def _shape(array: Array) -> str:
    return f"({', '.join(['n', *map(str, array.shape[1:])])}{',' if array.ndim == 1 else ''})"


def _range(array: Array) -> str:
    return f"{array.min():g} to {array.max():g}"

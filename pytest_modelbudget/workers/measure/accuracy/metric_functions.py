"""The functions of the built-in metrics, on arrays whose first axis is the sample."""

import numpy as np
from numpy.typing import NDArray

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.userdata.datasets import Array

Labels = NDArray[np.int64]


def correct(y_true: Array, y_pred: Array) -> NDArray[np.bool_]:
    """Return whether the class of each sample is predicted, bool of shape (n,)."""
    return np.equal(*classes(y_true, y_pred))


def in_top_k(y_true: Array, y_pred: Array, k: int) -> NDArray[np.bool_]:
    """Return whether the class of each sample is among the ``k`` highest scores.

    Of equal scores, the class with the lower number comes first.

    Args:
        y_true: As for ``classes``.
        y_pred: Scores of shape (n, classes).
        k: The number of classes that count.

    Returns:
        Bool of shape (n,).

    Raises:
        JobError: If the output has another shape or does not have more than ``k`` classes, or if
            labels are wrong.
    """
    if y_pred.ndim != 2 or y_pred.shape[1] < k:
        cause = f"top_k_accuracy with k: {k} needs an output of shape (n, {k}) or wider"
        found = f"the model's output has shape {_shape(y_pred)}"
        raise JobError(f"{cause}, but {found}", "write a smaller k")
    if y_pred.shape[1] == k:
        cause = f"top_k_accuracy with k: {k} is always 1, because the model has {k} classes"
        raise JobError(cause, "write a smaller k")
    labels = _labels(y_true, y_pred.shape[1])
    score = y_pred[np.arange(len(labels)), labels][:, np.newaxis]
    earlier = np.arange(y_pred.shape[1]) < labels[:, np.newaxis]
    ahead = (y_pred > score) | ((y_pred == score) & earlier)
    return np.asarray(ahead.sum(axis=1) < k)


def absolute_error(y_true: Array, y_pred: Array) -> Array:
    """Return the absolute error of every element, in the shape of ``y_pred``."""
    return np.abs(_difference(y_true, y_pred))


def squared_error(y_true: Array, y_pred: Array) -> Array:
    """Return the squared error of every element, in the shape of ``y_pred``."""
    with np.errstate(over="ignore"):  # `metrics` refuses an infinite result
        return np.square(_difference(y_true, y_pred))


def auc(y_true: Array, y_pred: Array) -> float:
    """Return the area under the ROC curve; of several classes, the mean of one against the rest.

    Args:
        y_true: As for ``classes``.
        y_pred: As for ``classes``; a single output may have any range.

    Raises:
        JobError: If shapes or labels do not fit, or ``y_true`` has no sample of some class.
    """
    count = _class_count(y_pred)
    labels = _labels(y_true, count)
    seen = np.bincount(labels, minlength=count)
    if not seen.all():
        missing = np.argmin(seen)
        cause = f"auc needs samples of all {count} classes, but y has none of class {missing}"
        raise JobError(cause, "add samples of every class to the test data")
    if count == 2:
        return _binary_auc(labels == 1, y_pred.reshape(len(labels), -1)[:, -1])
    return float(np.mean([_binary_auc(labels == i, y_pred[:, i]) for i in range(count)]))


def f1(y_true: Array, y_pred: Array) -> float:
    """Return F1 of class 1 of two; of more classes, the mean over those that occur.

    Args:
        y_true: As for ``classes``.
        y_pred: As for ``classes``.

    Raises:
        JobError: If shapes or values do not fit, or no sample is of class 1 of two.
    """
    count = _class_count(y_pred)
    labels, predicted = classes(y_true, y_pred)
    hits = np.bincount(labels[labels == predicted], minlength=count)
    total = np.bincount(labels, minlength=count) + np.bincount(predicted, minlength=count)
    if count > 2:
        return float(np.mean(2 * hits[total > 0] / total[total > 0]))
    if not labels.any():
        cause = "f1 needs samples of class 1, but y has none"
        raise JobError(cause, "add samples of every class to the test data")
    return float(2 * hits[1] / total[1])


def classes(y_true: Array, y_pred: Array) -> tuple[Labels, Labels]:
    """Return the true and the predicted class of each sample, int64 of shape (n,).

    Args:
        y_true: Labels of shape (n,) or (n, 1), or one-hot of shape (n, classes).
        y_pred: Scores of shape (n, classes), or probabilities of class 1 of shape (n,) or (n, 1).

    Raises:
        JobError: If shapes do not fit, or values are not labels or not probabilities.
    """
    labels = _labels(y_true, _class_count(y_pred))
    if y_pred.ndim == 2 and y_pred.shape[1] > 1:
        return labels, np.argmax(y_pred, axis=1)
    if y_pred.min() < 0 or y_pred.max() > 1:
        cause = f"a single output must be a probability, but the values are {_range(y_pred)}"
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
    found = f"the model's output has shape {_shape(y_pred)}"
    cause = f"this metric needs an output of shape (n, classes) or (n, 1), but {found}"
    raise JobError(cause, "choose another metric")


def _labels(y: Array, count: int) -> Labels:
    if y.ndim == 2 and y.shape[1] == count:
        if not (((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all()):
            raise JobError(f"y of shape {_shape(y)} is not one-hot", "return integer labels")
        return np.asarray(y.argmax(axis=1))
    if y.ndim > 2 or (y.ndim == 2 and y.shape[1] != 1):
        cause = f"y has shape {_shape(y)}, but the model has {count} classes"
        raise JobError(cause, f"return labels of shape (n,), or one-hot rows of shape (n, {count})")
    labels: Labels = y.reshape(len(y)).astype(np.int64)
    if y.dtype.kind == "f" and (labels != y.reshape(len(y))).any():
        cause = f"y has {y.dtype} values ({_range(y)}) that are not integer labels"
        raise JobError(cause, "return integer labels, or use mae or mse")
    if np.min(labels) < 0 or np.max(labels) >= count:
        cause = f"y has labels {_range(y)}, but the model has classes 0 to {count - 1}"
        raise JobError(cause, "number the classes from 0 as the model does")
    return labels


def _difference(y_true: Array, y_pred: Array) -> Array:
    if y_true.shape != y_pred.shape:
        # Only a last axis of 1 may differ: broadcasting (n,) to (n, 1) would compare every pair.
        if y_true.shape not in (y_pred.shape[:-1], (*y_pred.shape, 1)) or 1 not in (
            y_true.shape[-1],
            y_pred.shape[-1],
        ):
            found = f"the model's output has shape {_shape(y_pred)}"
            cause = f"y has shape {_shape(y_true)}, but {found}"
            raise JobError(cause, "return y in the shape of the output")
        y_true = y_true.reshape(y_pred.shape)
    dtype = np.result_type(y_true, y_pred, np.float32)
    return np.subtract(y_true, y_pred, dtype=dtype)


def _binary_auc(positive: NDArray[np.bool_], scores: Array) -> float:
    """Return Mann and Whitney's U as a share of all pairs; equal scores share their mean rank."""
    from scipy.stats import rankdata  # here, because its import takes longer than an evaluation

    hits = int(positive.sum())
    # Since SciPy 1.18 the ranks of float32 are float32, which cannot count above 2**24.
    above = rankdata(scores.astype(np.float64))[positive].sum() - hits * (hits + 1) / 2
    return float(above / (hits * (len(positive) - hits)))


def _shape(array: Array) -> str:
    return f"({', '.join(['n', *map(str, array.shape[1:])])}{',' if array.ndim == 1 else ''})"


def _range(array: Array) -> str:
    return f"{array.min():g} to {array.max():g}"

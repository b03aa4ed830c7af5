from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_modelbudget.budgetfile.types import Metric
from tests.workers.feeding import (
    BINARY,
    LABELS,
    PROBABILITIES,
    RANDOM,
    SCORES,
    failure,
    value,
)


@pytest.fixture
def sklearn() -> Any:
    from sklearn import metrics  # not at the top: each process that collects would import it

    return metrics


@pytest.mark.parametrize(
    "y", [LABELS, LABELS[:, np.newaxis], np.eye(4)[LABELS], LABELS.astype(np.float32)]
)
def test_accuracy_takes_labels_in_every_form(y: NDArray[Any], sklearn: Any) -> None:
    expected = sklearn.accuracy_score(LABELS, SCORES.argmax(1))
    assert value(Metric(), y, SCORES) == expected


@pytest.mark.parametrize("y_pred", [PROBABILITIES, PROBABILITIES[:, np.newaxis]])
def test_accuracy_of_one_probability(y_pred: NDArray[Any], sklearn: Any) -> None:
    expected = sklearn.accuracy_score(BINARY, PROBABILITIES > 0.5)
    assert value(Metric(), BINARY, y_pred) == expected


def test_top_k_accuracy(sklearn: Any) -> None:
    expected = sklearn.top_k_accuracy_score(LABELS, SCORES, k=2)
    assert value(Metric(name="top_k_accuracy", k=2), LABELS, SCORES) == expected


def test_top_1_of_equal_scores_is_accuracy() -> None:
    coarse = np.round(SCORES, 1)
    top_1 = value(Metric(name="top_k_accuracy", k=1), LABELS, coarse)
    assert top_1 == value(Metric(), LABELS, coarse)


@pytest.mark.parametrize(
    "y_pred",
    [
        PROBABILITIES,
        PROBABILITIES[:, np.newaxis],
        np.stack([1 - PROBABILITIES, PROBABILITIES], axis=1),
    ],
)
def test_binary_auc_and_f1(y_pred: NDArray[Any], sklearn: Any) -> None:
    auc = value(Metric(name="auc"), BINARY, y_pred)
    assert auc == pytest.approx(sklearn.roc_auc_score(BINARY, PROBABILITIES), abs=1e-12)
    f1 = value(Metric(name="f1"), BINARY, y_pred)
    assert f1 == pytest.approx(sklearn.f1_score(BINARY, PROBABILITIES > 0.5), abs=1e-12)


def test_auc_and_f1_of_several_classes(sklearn: Any) -> None:
    scores = np.round(SCORES, 1).astype(np.float64)
    scores /= scores.sum(1, keepdims=True)
    auc = value(Metric(name="auc"), LABELS, scores)
    expected = sklearn.roc_auc_score(LABELS, scores, multi_class="ovr")
    assert auc == pytest.approx(expected, abs=1e-12)
    f1 = value(Metric(name="f1"), LABELS, scores)
    expected = sklearn.f1_score(LABELS, scores.argmax(1), average="macro")
    assert f1 == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(200,), (200, 1), (200, 3, 2)])
def test_errors_of_any_rank(shape: tuple[int, ...], sklearn: Any) -> None:
    y_true, y_pred = RANDOM.random(shape), RANDOM.random(shape).astype(np.float32)
    flat = (y_true.ravel(), y_pred.ravel())
    mae = value(Metric(name="mae"), y_true, y_pred)
    assert mae == pytest.approx(sklearn.mean_absolute_error(*flat), abs=1e-12)
    mse = value(Metric(name="mse"), y_true, y_pred)
    assert mse == pytest.approx(sklearn.mean_squared_error(*flat), abs=1e-12)


def test_a_column_is_not_broadcast_against_a_row(sklearn: Any) -> None:
    expected = sklearn.mean_absolute_error(BINARY, PROBABILITIES)
    for y_true, y_pred in [
        (BINARY, PROBABILITIES[:, np.newaxis]),
        (BINARY[:, np.newaxis], PROBABILITIES),
    ]:
        assert value(Metric(name="mae"), y_true, y_pred) == pytest.approx(expected, abs=1e-7)


def test_unsigned_pixels_do_not_wrap_around() -> None:
    y = np.full((200, 2), 0, np.uint8)
    assert value(Metric(name="mae"), y, np.full((200, 2), 1, np.uint8)) == 1.0


LIST = np.zeros((200, 2))
BAD: dict[str, tuple[str, Any, Any, str]] = {
    "label out of range": (
        "accuracy",
        LABELS + 1,
        SCORES,
        "y has labels 1 to 4, but the model has classes 0 to 3; "
        "number the classes from 0 as the model does",
    ),
    "no labels": (
        "accuracy",
        SCORES[:, 0] * 3,
        SCORES,
        f"y has float32 values ({np.min(SCORES[:, 0]) * 3:g} to {np.max(SCORES[:, 0]) * 3:g}) "
        "that are not integer labels; return integer labels, or use mae or mse",
    ),
    "not one-hot": (
        "accuracy",
        SCORES,
        SCORES,
        "y of shape (n, 4) is not one-hot; return integer labels",
    ),
    "other one-hot": (
        "accuracy",
        LIST,
        SCORES,
        "y has shape (n, 2), but the model has 4 classes; "
        "return labels of shape (n,), or one-hot rows of shape (n, 4)",
    ),
    "picture": (
        "accuracy",
        LABELS,
        SCORES.reshape(200, 2, 2),
        "this metric needs an output of shape (n, classes) or (n, 1), "
        "but the model's output has shape (n, 2, 2); choose another metric",
    ),
    "logit": (
        "f1",
        BINARY,
        10 * PROBABILITIES - 5,
        "a single output must be a probability, but the values are -5 to 5; "
        "end the model with a sigmoid",
    ),
    "k": (
        "top_k_accuracy",
        LABELS,
        SCORES,
        "top_k_accuracy with k: 5 needs an output of shape (n, 5) or wider, "
        "but the model's output has shape (n, 4); write a smaller k",
    ),
    "one class": (
        "auc",
        BINARY * 0,
        PROBABILITIES,
        "auc needs samples of all 2 classes, but y has none of class 1; "
        "add samples of every class to the test data",
    ),
    "no positive": (
        "f1",
        BINARY * 0,
        PROBABILITIES,
        "f1 needs samples of class 1, but y has none; add samples of every class to the test data",
    ),
    "shapes": (
        "mae",
        LABELS,
        SCORES,
        "y has shape (n,), but the model's output has shape (n, 4); "
        "return y in the shape of the output",
    ),
    "overflow": (
        "mse",
        LABELS * 0.0,
        np.full(200, 1e200),
        "mse is inf, not a finite number; check the metric and its inputs",
    ),
}


@pytest.mark.parametrize(("name", "y_true", "y_pred", "expected"), BAD.values(), ids=BAD)
def test_what_does_not_fit(name: Any, y_true: Any, y_pred: Any, expected: str) -> None:
    assert failure(Metric(name=name), y_true, y_pred) == expected

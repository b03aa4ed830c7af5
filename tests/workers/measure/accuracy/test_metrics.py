import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.types import Metric
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.measure.accuracy.metrics import read_output
from tests.workers.feeding import LABELS, SCORES, failure, value


def test_one_of_several_outputs_is_chosen_by_name() -> None:
    outputs = {"class": SCORES, "box": SCORES}
    assert value(Metric(), {"class": LABELS}, outputs) == value(Metric(), LABELS, SCORES)
    assert value(Metric(), {"class": LABELS}, SCORES) == value(Metric(), LABELS, SCORES)


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a module of the user's, to put metrics in."""
    module = ModuleType("mine")
    monkeypatch.setitem(sys.modules, "mine", module)
    return module


OWN = Metric(name="call", call="mine:metric")


def test_a_metric_of_the_users_own_gets_all_samples_once(mine: ModuleType) -> None:
    calls = []

    def metric(y_true: Any, y_pred: Any) -> Any:
        calls.append((y_true.shape, y_pred["a"].shape))
        return np.float32(0.5)

    mine.metric = metric  # type: ignore[attr-defined]
    assert value(OWN, LABELS, {"a": SCORES, "b": SCORES}) == 0.5
    assert calls == [((200,), (200, 4))]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, "None"),
        (float("nan"), "nan"),
        ("0.9", "'0.9'"),
        (True, "True"),
        (1j, "1j"),
        (np.ones(3), "an array of shape (3,)"),
    ],
)
def test_a_metric_that_gives_no_number(mine: ModuleType, result: object, said: str) -> None:
    mine.metric = lambda _true, _pred: result  # type: ignore[attr-defined]
    assert failure(OWN, LABELS, SCORES) == (
        f"mine:metric is {said}, not a finite number; check the metric and its inputs"
    )


def test_a_metric_that_raises(mine: ModuleType) -> None:
    def metric(y_true: Any, y_pred: Any) -> Any:
        return y_true @ y_pred.T

    mine.metric = metric  # type: ignore[attr-defined]
    line = metric.__code__.co_firstlineno + 1
    assert failure(OWN, LABELS, SCORES).startswith("mine:metric raised ValueError: matmul: ")
    assert failure(OWN, LABELS, SCORES).endswith(f" (test_metrics.py:{line})")


BAD: dict[str, tuple[Any, Any, str]] = {
    "which output": (
        LABELS,
        {"a": SCORES, "b": SCORES},
        "y is one array, but the model has the outputs a, b; "
        "name the output to evaluate, such as metric: {accuracy: {output: a}}, or return y as a "
        "dict of it alone",
    ),
    "unknown output": (
        {"c": LABELS},
        {"a": SCORES, "b": SCORES},
        "y has the keys c, but the model has the outputs a, b; "
        "name the output to evaluate, such as metric: {accuracy: {output: a}}, or return y as a "
        "dict of it alone",
    ),
    "two for one": (
        {"a": LABELS, "b": LABELS},
        SCORES,
        "y has the keys a, b, but the model has one output; return y as one array",
    ),
}


@pytest.mark.parametrize(("y_true", "y_pred", "expected"), BAD.values(), ids=BAD)
def test_outputs_that_do_not_fit(y_true: Any, y_pred: Any, expected: str) -> None:
    assert failure(Metric(), y_true, y_pred) == expected


TWO = {"a": SCORES, "b": 1 - SCORES}


@pytest.mark.parametrize("labels", [LABELS, {"b": LABELS}, {"a": 0 * LABELS, "b": LABELS}])
def test_a_metric_reads_the_output_that_it_names(labels: Any) -> None:
    metric = Metric(output="b")
    assert str(metric) == "accuracy of b"
    y_true, y_pred = read_output(metric, labels, TWO)
    assert y_true is LABELS
    assert y_pred is TWO["b"]
    assert read_output(metric, labels, {"b": TWO["b"]}) == (LABELS, TWO["b"])


@pytest.mark.parametrize(
    ("labels", "outputs", "expected"),
    [
        (LABELS, {"a": SCORES}, "the model has no output b; name one of its outputs: a"),
        (
            {"a": LABELS},
            TWO,
            "accuracy of b needs labels of b, but y has the keys a; use the output's name as the "
            "key of its labels",
        ),
    ],
)
def test_an_output_that_does_not_exist(labels: Any, outputs: Any, expected: str) -> None:
    with pytest.raises(JobError) as error:
        read_output(Metric(output="b"), labels, outputs)
    assert str(error.value) == expected


def test_without_a_name_a_metric_gets_the_only_output() -> None:
    for metric in (Metric(), OWN):
        assert read_output(metric, LABELS, {"a": SCORES})[1] is SCORES


def test_a_metric_of_the_users_own_says_which_outputs_it_gets() -> None:
    with pytest.raises(JobError) as error:
        read_output(OWN, LABELS, TWO)
    assert str(error.value) == (
        "the model has the outputs a, b, and mine:metric does not name one; "
        "write {call: mine:metric, output: a}, or outputs: [a, b]"
    )
    both = OWN.model_copy(update={"outputs": ("b", "a")})
    assert str(both) == "mine:metric of b and a"
    assert read_output(both, LABELS, TWO | {"c": SCORES}) == (LABELS, TWO)

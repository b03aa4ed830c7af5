import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.types import CallSource
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.userdata.datasets import Batch, Dataset, named_inputs, open_data

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


def opened(value: object, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Open what a user's callable ``mine:data`` returns; a function is called for it."""
    module = ModuleType("mine")
    module.data = value if callable(value) else lambda: value  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mine", module)
    return open_data(CallSource(call="mine:data"))


def failure(value: object, monkeypatch: pytest.MonkeyPatch) -> str:
    with pytest.raises(JobError) as error:
        list(opened(value, monkeypatch).batches(4))
    return str(error.value)


def check_whole(dataset: Dataset) -> None:
    for _ in range(2):  # it must be possible to read it again
        batches = list(dataset.batches(4))
        assert [len(batch) for batch in batches] == [4, 4, 2]
        np.testing.assert_array_equal(np.concatenate([b.x for b in batches]), X)
        np.testing.assert_array_equal(np.concatenate([b.y for b in batches]), Y)
    assert len(dataset.head(3)) == 3
    check_first(dataset.head(3))


def check_first(batch: Batch) -> None:
    np.testing.assert_array_equal(batch.x, X[:3])


def pairs(size: int) -> Iterator[tuple[Any, Any]]:
    for start in range(0, 10, size):
        yield X[start : start + size], Y[start : start + size]


@pytest.mark.parametrize(
    "value",
    [
        (X, Y),
        (X.tolist(), Y.tolist()),
        list(pairs(3)),
        lambda: pairs(1),
        lambda: pairs(7),
        lambda: pairs(10),
    ],
    ids=["arrays", "lists", "batches", "generator of 1", "generator of 7", "generator of all"],
)
def test_a_source_is_read_in_batches_again_and_again(
    value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_whole(opened(value, monkeypatch))


def test_dicts_are_cut_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = opened(lambda: iter([({"a": X, "b": Y}, {"out": Y})]), monkeypatch)
    last = list(dataset.batches(4))[-1]
    assert {name: array.tolist() for name, array in last.named().items()} == {
        "x['a']": [[16.0, 17.0], [18.0, 19.0]],
        "x['b']": [8, 9],
        "y['out']": [8, 9],
    }


def test_data_without_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened((X, None), monkeypatch).head(2).y is None


@pytest.mark.tensorflow
@pytest.mark.parametrize("batch", [None, 3, 10])
def test_tensorflow_dataset(batch: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((X, Y))
    check_whole(opened(dataset if batch is None else dataset.batch(batch), monkeypatch))


@pytest.mark.tensorflow
def test_tensorflow_datasets_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((X, Y))
    assert failure(dataset.repeat(), monkeypatch) == (
        "mine:data: the tf.data.Dataset is infinite; remove repeat()"
    )
    assert failure(tf.data.Dataset.from_tensor_slices((X, X)), monkeypatch) == (
        "mine:data: the tf.data.Dataset has elements of shape (2,) and (2,), each of which may be "
        "one sample or a batch; end it with batch(32), without drop_remainder"
    )
    assert failure(tf.data.Dataset.from_tensor_slices(X), monkeypatch) == (
        "mine:data: the tf.data.Dataset has elements "
        "TensorSpec(shape=(2,), dtype=tf.float32, name=None), not pairs (x, y); "
        "return a dataset of (x, y)"
    )


def nan_at(*rows: int) -> np.ndarray[Any, Any]:
    x = X.copy()
    x[list(rows), 1] = np.nan
    return x


def failing() -> Iterator[tuple[Any, Any]]:
    yield X, Y
    raise RuntimeError("disk is gone")


BAD = {
    "None": (None, "expected a pair (x, y), got None; return (x, y)"),
    "one array": (
        X,
        "expected a pair (x, y), got one array of shape (10, 2) and dtype float32; return (x, y)",
    ),
    "triple": ((X, Y, Y), "expected a pair (x, y), got a tuple of 3; return (x, y)"),
    "dict": ({"x": X}, "expected a pair (x, y), got a dict; return (x, y)"),
    "batch": ([X], "expected a pair (x, y), got one array of shape (10, 2) and dtype float32; "
                   "return (x, y)"),
    "lengths": (
        (X, Y[:9]),
        "lengths differ: x has 10 and y has 9 samples; return one y for each x",
    ),
    "empty": ((X[:0], Y[:0]), "there are no samples; return at least one sample"),
    "no batches": ([], "there are no samples; return at least one sample"),
    "NaN in x": (
        (nan_at(1, 3, 7), Y),
        "x contains NaN in 2 of the first 4 samples (first: sample 1); "
        "remove or fill missing values",
    ),
    "NaN in y": (
        [(X, X), (X, nan_at(6))],
        "y contains NaN in 1 of the first 20 samples (first: sample 16); "
        "remove or fill missing values",
    ),
    "strings": (
        (X, np.array(["cat"] * 10)),
        "y has dtype <U3, which is not numeric; encode labels as numbers, "
        "and pad rows to one length",
    ),
    "objects": (
        (X, np.array([None] * 10)),
        "y has dtype object, which is not numeric; encode labels as numbers, "
        "and pad rows to one length",
    ),
    "ragged": (
        ([[1, 2], [3]], [0, 1]),
        "x is ragged: setting an array element with a sequence. The requested array has an "
        "inhomogeneous shape after 1 dimensions. The detected shape was (2,) + inhomogeneous "
        "part.; pad every sample to one shape",
    ),
    "scalar": ((3, 4), "x is a single int64 value, not an array of samples; "
                       "make the sample the first axis"),
    "shapes change": (
        [(X, Y), (X[:, :1], Y)],
        "the shape of a sample of x changes at sample 10 from (2,) to (1,); "
        "pad or crop every sample to one shape",
    ),
    "names change": (
        [({"a": X}, Y), ({"b": X}, Y)],
        "the arrays change at sample 10 from x['a'], y to x['b'], y; "
        "return the same arrays in every batch",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), BAD.values(), ids=BAD)
def test_bad_data(value: object, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure(value, monkeypatch) == f"mine:data: {expected}"


def test_an_iterator_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    line = failing.__code__.co_firstlineno + 2
    assert failure(failing, monkeypatch) == (
        f"mine:data: the iterable raised RuntimeError: disk is gone (test_datasets.py:{line})"
    )


def test_an_iterator_that_is_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = opened(pairs(5), monkeypatch)
    assert len(list(dataset.batches(10))) == 1
    with pytest.raises(
        JobError, match="mine:data: there are no samples; return at least one sample"
    ):
        list(dataset.batches(10))


def test_one_input_takes_one_array() -> None:
    assert named_inputs(X, {"in": (1, 2)})["in"] is X
    assert named_inputs({"in": X}, {"in": (-1, -1)})["in"] is X


MISFITS: dict[str, tuple[Any, dict[str, tuple[int, ...]], str]] = {
    "one array for two": (
        X,
        {"a": (-1, 2), "b": (-1, 3, -1)},
        "x is one array, but the model has 2 inputs: a (2,), b (3, any); "
        "return x as a dict with the input names as keys",
    ),
    "names": (
        {"c": X},
        {"a": (-1, 2)},
        "x has the keys c, but the model has the inputs a (2,); "
        "return x as a dict with the input names as keys",
    ),
    "size": (
        X,
        {"a": (-1, 3)},
        "input a needs samples of shape (3,), but x has samples of shape (2,); reshape the samples",
    ),
    "channel": (
        X,
        {"a": (-1, 2, 1)},
        "input a needs samples of shape (2, 1), but x has samples of shape (2,); "
        "add the last axis: x[..., numpy.newaxis]",
    ),
}


@pytest.mark.parametrize(("x", "inputs", "expected"), MISFITS.values(), ids=MISFITS)
def test_inputs_that_do_not_fit(x: Any, inputs: dict[str, tuple[int, ...]], expected: str) -> None:
    with pytest.raises(JobError) as error:
        named_inputs(x, inputs)
    assert str(error.value) == expected

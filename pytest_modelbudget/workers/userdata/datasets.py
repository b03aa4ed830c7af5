"""Opens a data source of a budget file, of any kind, as batches of ``(x, y)``."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import numpy as np

from pytest_modelbudget.budgetfile.types import CallSource, FileSource, Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.userdata import npz, tfdata
from pytest_modelbudget.workers.userdata.batches import (
    Array,
    Arrays,
    Batch,
    checked,
    not_a_pair,
    rebatch,
    to_batch,
)
from pytest_modelbudget.workers.userdata.usercode import call_user, user_code

__all__ = ["Array", "Arrays", "Batch", "Dataset", "named_inputs", "open_data"]

_END = object()


class Dataset:
    """Samples that can be read any number of times, a batch at a time.

    Args:
        name: The name of the source in messages.
        read: Yields all samples in batches of any size; it gets the wanted size as a suggestion.
    """

    def __init__(self, name: str, read: Callable[[int], Iterable[Batch]]) -> None:
        self._name = name
        self._read = read

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all samples in order, in batches of ``size``; the last may be shorter.

        Raises:
            JobError: If the data is empty, ragged, not numeric or contains NaN, or if the user's
                code raises.
        """
        batches = self._read(size)
        with _naming(self._name):
            yield from rebatch(checked(batches), size)

    def head(self, count: int) -> Batch:
        """Return the first ``count`` samples, or all samples if there are fewer."""
        return next(self.batches(count))


def open_data(source: Source) -> Dataset:
    """Open an ``.npz``, or call the user's callable.

    The callable may return a tuple ``(x, y)`` of arrays, a ``tf.data.Dataset`` of samples or
    of batches, or any other iterable of ``(x, y)`` batches. An iterator can be read only once,
    so the callable is called again for every further pass.

    Raises:
        JobError: If the callable raises, or returns something else.
    """
    if isinstance(source, FileSource):
        path = source.path
        return Dataset(str(source), lambda size: npz.read_batches(path, size))
    name = source.call
    loaded = call_user(name, source.args)
    with _naming(name):
        if isinstance(loaded, tuple):
            whole = to_batch(loaded)
            return Dataset(name, lambda size: _slices(whole, size))
        if tfdata.is_dataset(loaded):
            return Dataset(name, lambda size: _tensorflow_batches(loaded, size))
        if isinstance(loaded, Iterator):
            return Dataset(name, _reader_of_iterators(source, loaded))
        if isinstance(loaded, Iterable) and not isinstance(loaded, str | bytes | dict | np.ndarray):
            return Dataset(name, lambda _size: _converted(loaded))
        raise not_a_pair(loaded)


def _slices(whole: Batch, size: int) -> Iterator[Batch]:
    return (whole[start : start + size] for start in range(0, len(whole), size))


def _reader_of_iterators(
    source: CallSource, first: Iterator[object]
) -> Callable[[int], Iterable[Batch]]:
    fresh = [first]

    def read(_size: int) -> Iterable[Batch]:
        iterator = fresh.pop() if fresh else call_user(source.call, source.args)
        return _converted(cast("Iterator[object]", iterator))

    return read


def _tensorflow_batches(dataset: object, size: int) -> Iterator[Batch]:
    yield from _converted(tfdata.as_batched(dataset, size).as_numpy_iterator())


def _converted(pairs: Iterable[object]) -> Iterator[Batch]:
    with user_code("the iterable"):
        iterator = iter(pairs)
    while True:
        with user_code("the iterable"):
            pair = next(iterator, _END)
        if pair is _END:
            return
        yield to_batch(pair)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except JobError as error:
        raise JobError(f"{name}: {error.cause}", error.hint) from error


def named_inputs(x: Arrays, inputs: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Return the array of each input of a model, by input name.

    Args:
        x: One array, or a dict keyed by input name; the first axis is the sample.
        inputs: The name and shape of each input; the first axis is the batch, and -1 is any size.

    Raises:
        JobError: If names, ranks or sizes do not fit.
    """
    listed = ", ".join(f"{name} {_sample(shape)}" for name, shape in inputs.items())
    if not isinstance(x, dict):
        if len(inputs) != 1:
            cause = f"x is one array, but the model has {len(inputs)} inputs: {listed}"
            raise JobError(cause, "return x as a dict with the input names as keys")
        x = {next(iter(inputs)): x}
    if x.keys() != inputs.keys():
        cause = f"x has the keys {', '.join(x)}, but the model has the inputs {listed}"
        raise JobError(cause, "return x as a dict with the input names as keys")
    for name, shape in inputs.items():
        _check_shape(name, x[name].shape, shape)
    return {name: x[name] for name in inputs}


def _check_shape(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    sizes = zip(found[1:], wanted[1:], strict=False)
    if len(found) == len(wanted) and all(want in (-1, size) for size, want in sizes):
        return
    lacks_channel = wanted[1:] == (*found[1:], 1)
    hint = "add the last axis: x[..., numpy.newaxis]" if lacks_channel else "reshape the samples"
    raise JobError(
        f"input {name} needs samples of shape {_sample(wanted)}, "
        f"but x has samples of shape {_sample(found)}",
        hint,
    )


def _sample(shape: tuple[int, ...]) -> str:
    sizes = ["any" if size == -1 else str(size) for size in shape[1:]]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"

"""Batches of samples in memory: conversion to numpy arrays, checks, and batch sizes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_modelbudget.errors import JobError

TEXT = "SU"  # the kinds of dtype of bytes and of str
Array = NDArray[Any]
Arrays = Array | dict[str, Array]


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples along the first axis of every array; ``y`` is None for data without labels."""

    x: Arrays
    y: Arrays | None

    def __len__(self) -> int:
        return len(next(iter(self.named().values())))

    def __getitem__(self, rows: slice) -> "Batch":
        return Batch(_cut(self.x, rows), None if self.y is None else _cut(self.y, rows))

    def named(self) -> dict[str, Array]:
        """All arrays by their names in messages, such as ``x`` or ``y['box']``."""
        return _named("x", self.x) | ({} if self.y is None else _named("y", self.y))


def to_batch(pair: object) -> Batch:
    """Convert a pair ``(x, y)`` of arrays, nested lists, tensors, or dicts of them.

    Raises:
        JobError: If ``pair`` is not a pair, if an array is ragged or not numeric, or if the
            lengths differ.
    """
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise not_a_pair(pair)
    x, y = pair
    batch = Batch(_arrays("x", x), None if y is None else _arrays("y", y))
    lengths = {name: len(array) for name, array in batch.named().items()}
    if len(set(lengths.values())) > 1:
        counts = " and ".join(f"{name} has {length}" for name, length in lengths.items())
        raise JobError(f"lengths differ: {counts} samples", "return one y for each x")
    return batch


def not_a_pair(found: object) -> JobError:
    """Return the error about data that is not a pair ``(x, y)``."""
    return JobError(f"expected a pair (x, y), got {_described(found)}", "return (x, y)")


def check_dtype(name: str, dtype: np.dtype[Any]) -> None:
    """Check that ``dtype`` is of real numbers or bool; or of text, which a model may read as x.

    Raises:
        JobError: If ``dtype`` is of anything else, such as objects.
    """
    if dtype.kind not in (f"biuf{TEXT}" if name.startswith("x") else "biuf"):
        hint = "encode labels as numbers, and pad rows to one length"
        raise JobError(f"{name} has dtype {dtype}, which is not numeric", hint)


def single_value(name: str, dtype: np.dtype[Any]) -> JobError:
    """Return the error about an array without axes."""
    hint = "make the sample the first axis"
    return JobError(f"{name} is a single {dtype} value, not an array of samples", hint)


def checked(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield ``batches`` after checking each.

    Raises:
        JobError: If there are no samples, if names or shapes change, or if a value is NaN.
    """
    seen = 0
    shapes: dict[str, tuple[int, ...]] = {}
    for batch in batches:
        arrays = batch.named()
        shapes = shapes or {name: array.shape[1:] for name, array in arrays.items()}
        _check_shapes(arrays, shapes, seen)
        for name, array in arrays.items():
            _check_nan(name, array, seen)
        seen += len(batch)
        yield batch
    if not seen:
        raise JobError("there are no samples", "return at least one sample")


def rebatch(batches: Iterable[Batch], size: int) -> Iterator[Batch]:
    """Yield the samples of ``batches`` in batches of ``size``; the last may be shorter."""
    pending: list[Batch] = []
    for batch in batches:
        rest = batch
        while (missing := size - sum(map(len, pending))) <= len(rest):
            yield _join([*pending, rest[:missing]])
            pending, rest = [], rest[missing:]
        if len(rest):
            pending.append(rest)
    if pending:
        yield _join(pending)


def _named(name: str, arrays: Arrays) -> dict[str, Array]:
    if isinstance(arrays, dict):
        return {f"{name}[{key!r}]": array for key, array in arrays.items()}
    return {name: arrays}


def _cut(arrays: Arrays, rows: slice) -> Arrays:
    if isinstance(arrays, dict):
        return {name: array[rows] for name, array in arrays.items()}
    return arrays[rows]


def concatenate(parts: Sequence[Arrays]) -> Arrays:
    """Join arrays along the first axis, or dicts of them name by name."""
    if isinstance(parts[0], dict):
        return {name: _concatenated([part[name] for part in parts]) for name in parts[0]}
    return _concatenated(parts)


def _concatenated(parts: Sequence[Any]) -> Array:
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _join(batches: list[Batch]) -> Batch:
    labels = [batch.y for batch in batches if batch.y is not None]
    x = concatenate([batch.x for batch in batches])
    return Batch(x, concatenate(labels) if labels else None)


def _arrays(name: str, given: object) -> Arrays:
    if isinstance(given, dict):
        if not given:
            raise JobError(f"{name} is an empty dict", "use input or output names as keys")
        return {key: _array(f"{name}[{key!r}]", value) for key, value in given.items()}
    return _array(name, given)


def _array(name: str, given: object) -> Array:
    try:
        array = np.asarray(given)
    except ValueError as error:  # numpy raises it for nested lists of several lengths
        raise JobError(f"{name} is ragged: {error}", "pad every sample to one shape") from error
    if array.dtype == object and all(isinstance(each, str | bytes) for each in array.flat):
        array = array.astype("S" if isinstance(next(array.flat, ""), bytes) else "U")
    check_dtype(name, array.dtype)
    if array.ndim == 0:
        raise single_value(name, array.dtype)
    return array


def _check_shapes(arrays: dict[str, Array], shapes: dict[str, tuple[int, ...]], seen: int) -> None:
    if arrays.keys() != shapes.keys():
        found, before = ", ".join(arrays), ", ".join(shapes)
        cause = f"the arrays change at sample {seen} from {before} to {found}"
        raise JobError(cause, "return the same arrays in every batch")
    for name, array in arrays.items():
        if array.shape[1:] != shapes[name]:
            raise JobError(
                f"the shape of a sample of {name} changes at sample {seen} from {shapes[name]} to "
                f"{array.shape[1:]}",
                "pad or crop every sample to one shape",
            )


def _check_nan(name: str, array: Array, seen: int) -> None:
    # max() returns NaN if there is one, and needs no temporary array as isnan() does.
    if array.dtype.kind != "f" or not array.size or not np.isnan(array.max()):
        return
    bad = np.flatnonzero(np.isnan(array).reshape(len(array), -1).any(axis=1))
    raise JobError(
        f"{name} contains NaN in {len(bad)} of the first {seen + len(array)} samples "
        f"(first: sample {seen + bad[0]})",
        "remove or fill missing values",
    )


def _described(value: object) -> str:
    """Describe the type of a value, for a message."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"one array of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"

"""Reads a ``tf.data.Dataset`` of the user, without importing TensorFlow."""

from collections.abc import Iterator
from typing import Any

from pytest_modelbudget.errors import JobError

_INFINITE = -1  # tf.data.INFINITE_CARDINALITY


def is_dataset(value: object) -> bool:
    """Return whether ``value`` has the interface of a ``tf.data.Dataset``."""
    return hasattr(value, "element_spec") and hasattr(value, "as_numpy_iterator")


def as_batched(dataset: Any, size: int) -> Any:
    """Return the dataset itself if its elements are batches, else a dataset of batches of ``size``.

    Raises:
        JobError: If the dataset is infinite, if its elements are not pairs ``(x, y)``, or if
            they may be single samples as well as batches.
    """
    if int(dataset.cardinality()) == _INFINITE:
        raise JobError("the tf.data.Dataset is infinite", "remove repeat()")
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        cause = f"the tf.data.Dataset has elements {spec}, not pairs (x, y)"
        raise JobError(cause, "return a dataset of (x, y)")
    shapes = [leaf.shape for part in spec for leaf in _leaves(part)]
    return dataset if _is_batched(shapes) else dataset.batch(size)


def _leaves(spec: Any) -> Iterator[Any]:
    yield from spec.values() if isinstance(spec, dict) else [spec]


def _is_batched(shapes: list[Any]) -> bool:
    """Decide by the first axis, which ``batch()`` makes unknown in all arrays.

    A scalar, or first axes that differ, can only belong to a single sample. A known length that
    all arrays share is ambiguous: a batch with ``drop_remainder=True``, or for example an image
    as both ``x`` and ``y``.
    """
    if any(shape.rank is None for shape in shapes):
        hint = "pass output_signature to from_generator(), or call set_shape()"
        raise JobError("the rank of the elements of the tf.data.Dataset is unknown", hint)
    if any(shape.rank == 0 for shape in shapes):
        return False
    lengths = {shape[0] for shape in shapes}
    if len(lengths) > 1 or lengths == {None}:
        return len(lengths) == 1
    listed = " and ".join(str(shape) for shape in shapes)
    raise JobError(
        f"the tf.data.Dataset has elements of shape {listed}, each of which may be one sample or "
        "a batch",
        "end it with batch(32), without drop_remainder",
    )

"""Reads a ``tf.data.Dataset`` that the user returned, without importing TensorFlow here."""

from collections.abc import Iterator
from typing import Any

from pytest_modelbudget.errors import JobError

_INFINITE = -1  # tf.data.INFINITE_CARDINALITY


def is_dataset(value: object) -> bool:
    """Whether ``value`` behaves as a ``tf.data.Dataset``."""
    return hasattr(value, "element_spec") and hasattr(value, "as_numpy_iterator")


def as_batched(dataset: Any, size: int) -> Any:
    """Return the dataset itself if its elements are batches, else one of batches of ``size``.

    Raises:
        JobError: It never ends, its elements are no ``(x, y)``, or may be either.
    """
    if int(dataset.cardinality()) == _INFINITE:
        raise JobError("the tf.data.Dataset never ends", "leave out repeat()")
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise JobError(f"the tf.data.Dataset has elements {spec}, not (x, y)", "give pairs (x, y)")
    shapes = [leaf.shape for part in spec for leaf in _leaves(part)]
    return dataset if _is_batched(shapes) else dataset.batch(size)


def _leaves(spec: Any) -> Iterator[Any]:
    yield from spec.values() if isinstance(spec, dict) else [spec]


def _is_batched(shapes: list[Any]) -> bool:
    """Decide by the first axis: ``batch()`` leaves it open and common to all.

    A scalar, or first axes that differ, can only be of one sample. A known common length
    is either a batch of ``drop_remainder=True`` or, say, an image on both sides.
    """
    if any(shape.rank is None for shape in shapes):
        hint = "give output_signature to from_generator(), or set_shape()"
        raise JobError("the tf.data.Dataset does not know the rank of its elements", hint)
    if any(shape.rank == 0 for shape in shapes):
        return False
    lengths = {shape[0] for shape in shapes}
    if len(lengths) > 1 or lengths == {None}:
        return len(lengths) == 1
    listed = " and ".join(str(shape) for shape in shapes)
    raise JobError(
        f"the tf.data.Dataset has elements of shape {listed}: one sample or a batch?",
        "end it with batch(32), without drop_remainder",
    )

"""Proves that a moved model computes what the original does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.keras3.refusal import HINT, refusal
from pytest_modelbudget.workers.tflite.difference import relative_difference
from pytest_modelbudget.workers.userdata.usercode import user_code

_TOLERANCE = 1e-5  # of the largest output
_OPEN_SIZE = 32  # of an axis that a model leaves open, such as the length of a text
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Call:
    """One call of a layer: its symbolic outputs in both models, flattened."""

    layer: Any
    expected: list[Any]
    moved: list[Any]


def prove(model: Any, moved: Any, calls: list[Call], sample_count: int) -> None:
    """Compare the outputs of both models on the same random inputs.

    Args:
        model: A functional Keras 3 model.
        moved: What was made of it in tf_keras.
        calls: What happens in them, in order.
        sample_count: How many samples, unless the model has a fixed batch size.

    Raises:
        JobError: They differ; it names the first layer that does.
    """
    with user_code(f"running {model.name} on random inputs"):
        inputs = _random_inputs(model, sample_count)
        outputs = _run(model, inputs)
    with unfused(moved):
        if _first_difference(outputs, _run(moved, inputs)) is None:
            return
        expected = keras.Model(model.input, [each for call in calls for each in call.expected])
        found = tf_keras.Model(moved.input, [each for call in calls for each in call.moved])
        difference = _first_difference(_run(expected, inputs), _run(found, inputs))
    if difference is None:
        raise JobError(f"the model {model.name} computes something else than its layers", HINT)
    index, apart = difference
    layers = [call.layer for call in calls for _ in call.expected]
    reason = f"its outputs there differ by {apart:.2g} of the largest"
    raise refusal(layers[index], reason)


@contextmanager
def unfused(moved: Any) -> Iterator[None]:
    """Let batch normalization round as in Keras 3, which has no fused kernel for it.

    A deep network can amplify the last bits to more than any tolerance for a real difference.
    """
    layers = [each for each in moved.submodules if getattr(each, "fused", False)]
    for layer in layers:
        layer.fused = False
    try:
        yield
    finally:
        for layer in layers:
            layer.fused = True


def _random_inputs(model: Any, sample_count: int) -> Any:
    """Return numbers from 0 to 1, or 0 and 1 where the model takes integers: any Embedding can."""
    generator = np.random.default_rng(0)
    arrays = []
    for tensor in model.inputs:
        batch_size, *sizes = tensor.shape
        shape = [batch_size or sample_count, *(size or _OPEN_SIZE for size in sizes)]
        is_float = tf.as_dtype(tensor.dtype).is_floating
        values = generator.random(shape) if is_float else generator.integers(0, 2, shape)
        arrays.append(tf.cast(values, tensor.dtype))
    return keras.tree.pack_sequence_as(model.input, arrays)


def _run(model: Any, inputs: Any) -> list[Array]:
    outputs = keras.tree.flatten(model(inputs, training=False))
    return [np.asarray(output, np.float64) for output in outputs]


def _first_difference(expected: list[Array], found: list[Array]) -> tuple[int, float] | None:
    apart = map(relative_difference, expected, found)
    return next((each for each in enumerate(apart) if not each[1] <= _TOLERANCE), None)

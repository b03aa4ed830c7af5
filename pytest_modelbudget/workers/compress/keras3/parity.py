"""Verifies that a moved model computes what the original does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tf_keras

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.keras3.refusal import HINT, refusal
from pytest_modelbudget.workers.compress.models.keras_inputs import random_arrays
from pytest_modelbudget.workers.tflite.compare import first_difference
from pytest_modelbudget.workers.userdata.datasets import Array
from pytest_modelbudget.workers.userdata.usercode import user_code

_TOLERANCE = 1e-5  # of the largest value of an output


@dataclass(frozen=True)
class MovedCall:
    """One call of a layer in both models.

    Attributes:
        layer: The Keras 3 layer.
        expected: Its symbolic outputs in Keras 3, flattened.
        moved: Those in tf_keras.
    """

    layer: Any
    expected: list[Any]
    moved: list[Any]


def verify_moved(model: Any, moved: Any, calls: list[MovedCall], sample_count: int) -> None:
    """Compare the outputs of both models on the same random inputs.

    Args:
        model: A functional Keras 3 model.
        moved: The same model in tf_keras.
        calls: The calls of their layers, in order.
        sample_count: The number of samples, unless the model has a fixed batch size.

    Raises:
        JobError: if outputs differ; the message names the first layer whose outputs do.
    """
    with user_code(f"running {model.name} on random inputs"):
        arrays = random_arrays(model.inputs, sample_count)
        inputs = keras.tree.pack_sequence_as(model.input, arrays)
        outputs = _run(model, inputs)
    with unfused(moved):
        if first_difference(outputs, _run(moved, inputs), _TOLERANCE) is None:
            return
        expected = keras.Model(model.input, [each for call in calls for each in call.expected])
        found = tf_keras.Model(moved.input, [each for call in calls for each in call.moved])
        different = first_difference(_run(expected, inputs), _run(found, inputs), _TOLERANCE)
    if different is None:
        raise JobError(f"the model {model.name} does not compute the same as its layers", HINT)
    index, difference = different
    layers = [call.layer for call in calls for _ in call.expected]
    reason = f"its outputs in tf_keras differ by {difference:.2g} of the largest value"
    raise refusal(layers[index], reason)


@contextmanager
def unfused(moved: Any) -> Iterator[None]:
    """Make batch normalization round as in Keras 3, which has no fused kernel for it.

    A deep network can amplify rounding to more than any tolerance for real differences.
    """
    layers = [each for each in moved.submodules if getattr(each, "fused", False)]
    for layer in layers:
        layer.fused = False
    try:
        yield
    finally:
        for layer in layers:
            layer.fused = True


def _run(model: Any, inputs: Any) -> dict[int, Array]:
    return dict(enumerate(map(np.asarray, keras.tree.flatten(model(inputs, training=False)))))

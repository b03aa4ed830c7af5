"""Random inputs for models of TensorFlow and Keras, where no data are needed."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.tflite.random_inputs import random_values
from pytest_modelbudget.workers.userdata.datasets import Array

_SAMPLES = 4
OPEN_SIZE = 32
"""For an axis of any size, such as the length of a text."""


def random_inputs(model: Model) -> Any:
    """Return four random samples for a functional or Sequential tf_keras model.

    Returns:
        Arrays as ``random_arrays`` returns them, in the structure of the model's inputs.
    """
    return tf.nest.pack_sequence_as(model.input, random_arrays(model.inputs, _SAMPLES))


def random_arrays(inputs: Iterable[Any], samples: int) -> list[Array]:
    """Return random values for each input, the same ones each time.

    Args:
        inputs: Whatever has a shape and a dtype: symbolic tensors of either Keras, or specs.
        samples: The batch size where an input leaves it open.

    Returns:
        Floats from 0 to 1, or integers 0 and 1, which are indices into any Embedding. Text is
        ``0`` or ``1``.
    """
    generator = np.random.default_rng(0)
    arrays = []
    for tensor in inputs:
        batch_size, *sizes = tensor.shape
        shape = [batch_size or samples, *(size or OPEN_SIZE for size in sizes)]
        is_text = tensor.dtype == tf.string
        dtype = "S1" if is_text else tf.as_dtype(tensor.dtype).as_numpy_dtype
        arrays.append(random_values(shape, dtype, generator))
    return arrays

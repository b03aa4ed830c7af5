"""Random inputs, to run a model where no samples of the user are needed."""

from typing import Any

import numpy as np
import tensorflow as tf

from pytest_modelbudget.workers.compress.models.keras_types import Model

_SAMPLES = 4
_OPEN_SIZE = 32  # for an axis of any size, such as the length of a text


def random_inputs(model: Model) -> Any:
    """Return four random samples, always the same.

    Args:
        model: A functional or Sequential tf_keras model.

    Returns:
        Arrays in the structure and with the dtypes that the model takes: numbers from 0 to 1 for
        float inputs, and 0 for integer inputs.
    """
    random = np.random.default_rng(0)
    arrays = []
    for tensor in model.inputs:
        batch_size, *sizes = tensor.shape
        shape = [batch_size or _SAMPLES, *(size or _OPEN_SIZE for size in sizes)]
        arrays.append(random.random(shape).astype(tensor.dtype.as_numpy_dtype))
    return tf.nest.pack_sequence_as(model.input, arrays)

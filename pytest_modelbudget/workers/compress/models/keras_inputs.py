"""Numbers to run a model on where real samples are not needed."""

from typing import Any

import numpy as np
import tensorflow as tf

from pytest_modelbudget.workers.compress.models.sources import Model

_SAMPLES = 4
_OPEN_SIZE = 32  # of an axis that a model leaves open, such as the length of a text


def random_inputs(model: Model) -> Any:
    """Return four samples from 0 to 1, or of 0 where the model takes integers.

    Args:
        model: A functional or Sequential tf_keras model.

    Returns:
        Arrays in the structure that the model takes, always the same.
    """
    random = np.random.default_rng(0)
    arrays = []
    for tensor in model.inputs:
        batch_size, *sizes = tensor.shape
        shape = [batch_size or _SAMPLES, *(size or _OPEN_SIZE for size in sizes)]
        arrays.append(random.random(shape).astype(tensor.dtype.as_numpy_dtype))
    return tf.nest.pack_sequence_as(model.input, arrays)

"""Models of a fixed batch size, and stateful layers, while they are trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
import tf_keras

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.workers.compress.models.keras_inputs import OPEN_SIZE
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.training.training_set import BATCH_SIZE


@contextmanager
def from_initial_state(model: Model) -> Iterator[None]:
    """Let stateful layers start each sample from their initial state.

    The samples of a training are in random order, so none continues from the one before it.
    """
    layers = [
        each for each in model.submodules if isinstance(each, tf_keras.layers.RNN) and each.stateful
    ]
    for layer in layers:
        layer.stateful = False
    try:
        yield
    finally:
        for layer in layers:
            layer.stateful = True


def check_batch_size(model: Model, job: BuildJob) -> None:
    """Check that a model takes the batches that it will be trained on.

    Most layers take batches of any size, although the model was made for batches of one size.

    Raises:
        JobError: if it takes batches of that one size only.
    """
    fixed = next((tensor.shape[0] for tensor in model.inputs if tensor.shape[0]), None)
    size = job.training.batch_size or BATCH_SIZE
    if not fixed or fixed == size:
        return

    def zeros(tensor: Any) -> Any:
        return tf.zeros([size, *(each or OPEN_SIZE for each in tensor.shape[1:])], tensor.dtype)

    def spec(tensor: Any) -> Any:
        return tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype)  # as ``fit`` traces it

    try:
        with from_initial_state(model):
            call = tf.function(model).get_concrete_function(
                tf.nest.map_structure(spec, model.input)
            )
            call(tf.nest.map_structure(zeros, model.input))
    except (ValueError, tf.errors.OpError) as error:
        default = "" if job.training.batch_size else ", the default"
        cause = f"the model takes batches of {fixed}, and training.batch_size is {size}{default}"
        raise JobError(cause, f"write training: {{batch_size: {fixed}}}") from error

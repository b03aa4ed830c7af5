from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pytest_modelbudget.budgetfile.stages import Prune
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.training import streams
from tests.workers.compress.trainees import call, job

pytestmark = pytest.mark.tensorflow


def stream(batch_size: int) -> Any:
    layers = tf_keras.layers
    x = layers.Input((3, 2), batch_size=batch_size)
    inner = layers.Bidirectional(layers.GRU(4, stateful=True))
    return tf_keras.Model(x, inner(x))


def reshaped(batch_size: int) -> Any:
    x = tf_keras.layers.Input((3, 2), batch_size=batch_size)
    return tf_keras.Model(x, tf.reshape(x, (batch_size, 6)))


def test_a_stateful_layer_starts_anew_only_while_it_is_trained() -> None:
    model, x = stream(1), np.ones((1, 3, 2), np.float32)
    with streams.from_initial_state(model):
        first, again = model(x).numpy(), model(x).numpy()
    np.testing.assert_array_equal(first, again)
    before, after = model(x).numpy(), model(x).numpy()
    np.testing.assert_array_equal(before, first)
    assert np.abs(after - before).max() > 0.01


@pytest.mark.parametrize(("given", "shown"), [({}, "32, the default"), ({"batch_size": 16}, "16")])
def test_batches_of_another_size_are_refused(given: dict[str, Any], shown: str) -> None:
    with pytest.raises(JobError) as raised:
        streams.check_batch_size(reshaped(8), job(Prune(), call("cnn"), **given))
    assert str(raised.value) == (
        f"the model takes batches of 8, and training.batch_size is {shown}; "
        "write training: {batch_size: 8}"
    )


def test_batches_that_fit_are_not_refused() -> None:
    streams.check_batch_size(reshaped(8), job(Prune(), call("cnn"), batch_size=8))
    x = tf_keras.layers.Input((3, 2), batch_size=8)
    model = tf_keras.Model(x, tf_keras.layers.LSTM(4, stateful=True)(x))
    streams.check_batch_size(model, job(Prune(), call("cnn"), batch_size=32))

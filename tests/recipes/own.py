"""What a project has of its own: a schedule, a stage, and a student."""

from typing import Any

import numpy as np


def late(*, steps: Any, sparsity: float, **_: Any) -> Any:
    """Return a schedule that prunes everything halfway."""
    import tensorflow_model_optimization as tfmot

    half = steps.total // 2
    return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=half, frequency=1)


def blind(model: Any, *, layer: str, share: float) -> Any:
    """Set the first ``share`` of the input weights of a layer's every unit to 0.25."""
    kernel = model.get_layer(layer).kernel
    values = kernel.numpy()
    values[: int(len(values) * share)] = 0.25
    kernel.assign(values)
    return model


def widened(model: Any) -> Any:
    """Return a new model of other layers with the inputs of ``model``."""
    import tf_keras

    layers = tf_keras.layers
    x = layers.Dense(32, activation="relu", name="wide")(layers.Flatten()(model.input))
    return tf_keras.Model(model.input, layers.Dense(10, activation="softmax", name="digit")(x))


class OneBatch:
    """A batch of the digits, after which reading fails: no training can have begun."""

    def __iter__(self) -> Any:
        from tests.recipes.models import train

        x, y = train()
        yield x[:32], y[:32]
        raise RuntimeError("the training has begun")


def load(*, path: str) -> Any:
    """Load a file of Keras 3 through the name that most code has for Keras."""
    import tensorflow as tf

    return tf.keras.models.load_model(path)


def student() -> Any:
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 8, 1), name="image"),
            layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="small"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax", name="digit"),
        ]
    )


def total() -> Any:
    import keras

    left, right = (keras.layers.Input((4,), name=name) for name in ("left", "right"))
    return keras.Model([left, right], keras.layers.Add(name="total")([left, right]))


def halves() -> Any:
    """Return inputs of another size than those of ``total``."""
    return {"left": np.zeros((8, 2)), "right": np.zeros((8, 2))}, np.zeros(8)

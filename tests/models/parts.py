"""What the recipes in ``test_bad_recipes`` work on: copied into their project."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras
from tf_keras import layers


def data() -> Any:
    """Return sequences, float32 (64, 6, 8), and their classes, from 0 to 3."""
    random = np.random.default_rng(0)
    y = np.arange(64) % 4
    return random.random((64, 6, 8), np.float32) + y[:, None, None].astype(np.float32), y


def flat(of: int = 1) -> Any:
    """Return the sequences in one axis."""
    x, y = data()
    return x.reshape(-1, 48 // of), y


def unlabelled() -> Any:
    return data()[0], None


def bad(y_true: Any, y_pred: Any) -> float:
    return len(y_true) / (len(y_pred) - len(y_true))


def dense(*, compiled: bool = True, frozen: bool = False, classes: int = 4) -> Any:
    model = tf_keras.Sequential(
        [
            layers.Input((6, 8), name="x"),
            layers.Flatten(name="flat"),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(classes, activation="softmax", name="class"),
        ],
        name="dense",
    )
    model.trainable = not frozen
    if compiled:
        model.compile("adam", "sparse_categorical_crossentropy")
    return model


def five_classes() -> Any:
    return dense(classes=5)


class Subclassed(tf_keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="subclassed")
        self.dense = layers.Dense(4)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


def subclassed() -> Any:
    model = Subclassed()
    model(np.zeros((1, 6, 8), np.float32))
    return model


def singular() -> Any:
    """Return a model that LiteRT has no operator for."""
    x = layers.Input((6, 8), name="x")
    values = tf.linalg.svd(x, compute_uv=False)
    model = tf_keras.Model(x, layers.Dense(4, activation="softmax", name="class")(values))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def mixed() -> Any:
    """Return a model with much that tfmot does not know."""
    x = image = layers.Input((6, 8), 1, name="x")
    x = layers.Rescaling(0.5, name="rescale")(x)
    x = tf_keras.Sequential([layers.Input((6, 8)), layers.Dense(16, name="inner")], name="part")(x)
    x = layers.SimpleRNN(8, return_sequences=True, name="rnn")(x)
    x = layers.BatchNormalization(name="alone")(x)
    x = layers.Dense(32, activation="relu", name="hidden")(layers.Flatten(name="flat")(x))
    model = tf_keras.Model(image, layers.Dense(4, activation="softmax", name="class")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def no_schedule(**_parameters: Any) -> int:
    return 3


def schedule(*, sparsity: float, **_parameters: Any) -> Any:
    return tfmot.sparsity.keras.ConstantSparsity(sparsity, 1, frequency=1)


def forget(model: Any) -> None:
    assert model


def scale(model: Any, factor: float) -> Any:
    hidden = model.get_layer("hidden")
    hidden.set_weights([weight * factor for weight in hidden.get_weights()])
    return model

"""Students for the digits, in both Kerases, and those that do not fit."""

from typing import Any

import keras
import tf_keras


def small(*, activation: str | None = "softmax", classes: int = 10, size: int = 8) -> Any:
    layers = tf_keras.layers
    return tf_keras.Sequential(
        [
            layers.Input((size, size, 1), name="pixels"),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.Flatten(name="flatten"),
            layers.Dense(classes, activation=activation, name="out"),
        ],
        name="small",
    )


def keras_3() -> Any:
    layers = keras.layers
    image = layers.Input((8, 8, 1))
    x = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(image))
    return keras.Model(image, layers.Dense(10, activation="softmax")(x), name="keras_3")


def linear() -> Any:
    return small(activation=None)


def five_classes() -> Any:
    return small(classes=5)


def larger_images() -> Any:
    return small(size=16)


def frozen() -> Any:
    model = small()
    model.trainable = False
    return model


def two_inputs() -> Any:
    layers = tf_keras.layers
    ends = [layers.Input((8, 8, 1), name=name) for name in ("left", "right")]
    x = layers.Flatten()(layers.Concatenate()(ends))
    return tf_keras.Model(ends, layers.Dense(10, activation="softmax")(x))


def autoencoder(*, units: int = 16) -> Any:
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.Input((64,), name="pixels"),
            layers.Dense(units, activation="relu"),
            layers.Dense(64, activation="sigmoid"),
        ]
    )
    model.compile(tf_keras.optimizers.Adam(3e-3), "mse")
    return model


def always_zero(y_true: Any, y_pred: Any) -> Any:  # noqa: ARG001 - a loss takes both
    return y_pred[:, 0] * 0

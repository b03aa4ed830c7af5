"""Custom layers of both generations of Keras, and compiled models of them."""

from typing import Any

import keras
import tf_keras

from tests.workers.compress.trainees import CLASSES


@tf_keras.saving.register_keras_serializable("own_layers")
class Block(tf_keras.layers.Layer):  # type: ignore[misc]
    """A layer whose convolution stays float and has the name of another one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._conv = tf_keras.layers.Conv2D(8, 1, activation="elu", name="conv2d")

    def call(self, inputs: Any) -> Any:
        return self._conv(inputs)

    def get_config(self) -> dict[str, Any]:
        return dict(super().get_config())


def of_one_name() -> Any:
    """Return a model with a convolution, and one of the same name in a custom layer."""
    layers = tf_keras.layers
    image = layers.Input((8, 8, 4), name="image")
    x = Block(name="block")(layers.Conv2D(8, 1, name="conv2d")(image))
    x = layers.Dense(CLASSES, activation="softmax", name="class")(layers.Flatten()(x))
    model = tf_keras.Model(image, x)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@keras.saving.register_keras_serializable("own_layers")
class Unconvertible(keras.layers.Layer):  # type: ignore[misc]
    """A layer that LiteRT has no operator for."""

    def call(self, x: Any) -> Any:
        return keras.ops.svd(x, compute_uv=False)


@tf_keras.saving.register_keras_serializable("own_layers")
class Unsaved(tf_keras.layers.Layer):  # type: ignore[misc]
    """A layer that does not tell how it is made."""

    def call(self, x: Any) -> Any:
        return x * 2

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("it has no config")


def unconvertible() -> Any:
    image = keras.Input((8, 8, 4), name="image")
    x = keras.layers.Flatten()(Unconvertible(name="svd")(image))
    model = keras.Model(image, keras.layers.Dense(CLASSES, name="class")(x))
    model.compile("adam", "mse")
    return model


def unsaved() -> Any:
    image = tf_keras.Input((8, 8, 4), name="image")
    x = tf_keras.layers.Flatten()(Unsaved(name="twice")(image))
    model = tf_keras.Model(image, tf_keras.layers.Dense(CLASSES)(x), name="unsaved")
    model.compile("adam", "mse")
    return model


def doubled() -> Any:
    image = tf_keras.Input((8, 8, 4), name="image")
    x = tf_keras.layers.Lambda(lambda x: 2 * x, name="twice")(image)
    model = tf_keras.Model(image, tf_keras.layers.Dense(CLASSES)(tf_keras.layers.Flatten()(x)))
    model.compile("adam", "mse")
    return model

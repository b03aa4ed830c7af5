"""A model without a graph of layers, and a layer with one inside: a budget file imports them."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("tests.recipes")
class Subclassed(keras.Model):  # type: ignore[misc]
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conv = keras.layers.Conv2D(16, 3, strides=2, activation="relu")
        self.digit = keras.layers.Dense(10, activation="softmax")

    def call(self, images: Any) -> Any:
        return self.digit(keras.ops.reshape(self.conv(images), (-1, 144)))


@keras.saving.register_keras_serializable("tests.recipes")
class Block(keras.layers.Layer):  # type: ignore[misc]
    """Has a layer inside, with the name that a layer of the model has too."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = keras.layers.Conv2D(16, 3, padding="same", activation="relu", name="conv2d")

    def build(self, shape: Any) -> None:
        self.inner.build(shape)

    def call(self, images: Any) -> Any:
        return self.inner(images)

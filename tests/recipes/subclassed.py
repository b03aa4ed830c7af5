"""A model without a graph of layers, which a budget file has to import."""

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

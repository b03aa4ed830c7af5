"""A Keras 3 autoencoder of the digits: a model whose metric is better when lower."""

import keras
from keras import layers


def build_autoencoder(code_size: int = 16) -> keras.Model:
    """Build the untrained autoencoder.

    Args:
        code_size: Numbers that an image of 64 pixels is squeezed through.

    Returns:
        A model from flattened images, float32 ``(batch, 64)`` from 0 to 1, to their
        reconstruction of the same shape and range.
    """
    return keras.Sequential(
        [
            keras.Input((64,), name="image"),
            layers.Dense(128, activation="relu"),
            layers.Dense(code_size, name="code"),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="sigmoid"),
        ],
        name="autoencoder",
    )

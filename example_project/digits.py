"""A Keras 3 convolutional classifier of the digits."""

import keras
from keras import layers


def build_cnn() -> keras.Model:
    """Build the untrained classifier, about 34,000 parameters.

    Returns:
        A model from images, float32 ``(batch, 8, 8, 1)`` from 0 to 1, to the
        probabilities of the digits, float32 ``(batch, 10)``.
    """
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(56, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(56, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits_cnn",
    )


def build_student() -> keras.Model:
    """Build a classifier with a tenth of the parameters, to be taught by ``build_cnn``'s.

    Returns:
        A model with the inputs and outputs of ``build_cnn``.
    """
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(12, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="student",
    )

"""A classifier with a hundredth of the parameters, to be taught by the tutorial's CNN."""

import tf_keras
from tf_keras import layers


def build_student() -> tf_keras.Model:
    """Build the untrained classifier.

    Returns:
        A model with the inputs and outputs of ``model.build_cnn``.
    """
    return tf_keras.Sequential(
        [
            layers.Input((28, 28, 1), name="image"),
            layers.Conv2D(12, 5, strides=2, padding="same", activation="relu"),
            layers.Conv2D(24, 5, strides=2, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="student",
    )

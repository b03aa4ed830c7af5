"""Makes ``blobs.tflite`` again: ``python -m tests.models.make_blobs``."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from tests.models.blobs import CLASSES, HIDDEN, SIZE, centers


def make(path: Path) -> None:
    """Write the model: the nearest center wins, through an identity layer that adds bytes."""
    widen = np.eye(SIZE, HIDDEN, dtype=np.float32)
    inputs = tf.keras.Input((SIZE,), name="x")
    hidden = tf.keras.layers.Dense(HIDDEN, name="widen")(inputs)
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(CLASSES, name="classify")(hidden))
    middle = centers()
    model.get_layer("widen").set_weights([widen, np.zeros(HIDDEN)])
    model.get_layer("classify").set_weights([(middle @ widen).T, -(middle**2).sum(axis=1) / 2])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.exclude_conversion_metadata = True
    path.write_bytes(converter.convert())


if __name__ == "__main__":
    make(Path(__file__).with_name("blobs.tflite"))

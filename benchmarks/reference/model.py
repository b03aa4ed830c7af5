"""The CNN of the usual pruning tutorial, in tf_keras: 3,274,762 parameters, 13.1 MB."""

import hashlib
import os
from pathlib import Path

import tensorflow as tf
import tf_keras
from tf_keras import layers

from benchmarks.reference import data

EPOCHS = 16
BATCH_SIZE = 32
ROOT = Path(__file__).parents[2]
MADE_FROM = (Path(__file__), Path(data.__file__), ROOT / "example_project" / "digits.npz")


def build_cnn() -> tf_keras.Model:
    """Build the untrained classifier.

    Returns:
        A model from images, float32 ``(batch, 28, 28, 1)`` from 0 to 1, to the
        probabilities of the digits, float32 ``(batch, 10)``.
    """
    return tf_keras.Sequential(
        [
            layers.Input((28, 28, 1), name="image"),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(),
            layers.Conv2D(64, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1024, activation="relu", name="hidden"),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax"),
        ],
        name="tutorial_cnn",
    )


def trained() -> tf_keras.Model:
    """Build the classifier and train it, or load the weights that an earlier training kept.

    Returns:
        The model of ``build_cnn``, trained and compiled.
    """
    model = build_cnn()
    weights = _weights_file()
    if weights.exists():
        model.load_weights(weights)
    else:
        model = _train()
        _keep(model, weights)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def _train() -> tf_keras.Model:
    """Train from the seed 0; on one machine, each time gives the same weights."""
    tf.config.experimental.enable_op_determinism()
    tf_keras.utils.set_random_seed(0)
    model = build_cnn()
    x, y = data.train()
    steps = EPOCHS * -(-len(x) // BATCH_SIZE)
    decay = tf_keras.optimizers.schedules.CosineDecay(1e-3, steps)
    model.compile(tf_keras.optimizers.Adam(decay), "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    return model


def _weights_file() -> Path:
    """Name a file that git ignores by what the weights are made from."""
    name = hashlib.sha256(b"".join(path.read_bytes() for path in MADE_FROM)).hexdigest()
    return ROOT / ".modelbudget" / "reference" / f"{name}.weights.h5"


def _keep(model: tf_keras.Model, weights: Path) -> None:
    weights.parent.mkdir(parents=True, exist_ok=True)
    staged = weights.with_name(f"{os.getpid()}.weights.h5")
    model.save_weights(staged)
    staged.replace(weights)

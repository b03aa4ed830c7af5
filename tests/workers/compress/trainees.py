"""Small models to train, and the data to train them on, as a user's project would have them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from pytest_modelbudget.budgetfile.stages import Stage
from pytest_modelbudget.budgetfile.types import CallSource, Data, FileSource, Source, Training
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.project import Project

Samples = tuple[Any, Any]
CLASSES = 4


def call(name: str, **args: Any) -> CallSource:
    return CallSource(call=f"tests.workers.compress.trainees:{name}", args=args)


def file(path: Path) -> FileSource:
    return FileSource(path=path)


def job(
    stage: Stage,
    model: Source,
    *,
    parent: Path | None = None,
    before: tuple[Stage, ...] = (),
    train: Source | None = None,
    seed: int = 0,
    **training: Any,
) -> BuildJob:
    return BuildJob(
        stage=stage,
        before=before,
        parent=parent,
        model=model,
        data=Data(train=train or call("images")),
        training=Training(**training),
        seed=seed,
        project=Project(rootdir=Path(__file__).parent, sys_path=()),
    )


def images(*, count: int = 200, labels: int = CLASSES) -> Samples:
    """Return images, float32 (count, 8, 8, 4), that are bright in the quarter of their class."""
    random = np.random.default_rng(0)
    y = np.arange(count) % labels
    x = random.random((count, 8, 8, 4), np.float32) * 0.3
    for image, label in zip(x, y, strict=True):
        row, column = divmod(int(label), 2)
        image[row * 4 : row * 4 + 4, column * 4 : column * 4 + 4] += 0.5
    return x, y


def tokens() -> Samples:
    """Return sequences, int64 (200, 6), padded with 0, and whether they hold a 1."""
    random = np.random.default_rng(0)
    x = random.integers(1, 50, (200, 6))
    x[:, 4:] = 0
    return x, (x == 1).any(axis=1).astype(np.float32)


def pairs() -> Samples:
    x, y = images()
    return {"left": x, "right": x[..., :1]}, y


def unlabelled() -> Samples:
    return images()[0], None


def overflowing() -> Samples:
    x, y = images()
    x[150] = np.inf
    return x, y


def shrinking() -> Any:
    """Return an iterator that has fewer batches each time it is asked for."""
    x, y = images()
    READ.append(1)
    return iter([(x[:64], y[:64])] * (5 - len(READ)))


READ: list[int] = []


def accuracy(model: Any) -> float:
    x, y = images(count=120)
    guesses: NDArray[np.intp] = np.argmax(model.predict(x, verbose=0), axis=1)
    return float((guesses == y).mean())


def finite_or_zero(values: Any) -> Any:
    """Return ``values`` with 0 in place of NaN and infinity, as oneDNN's relu does on some CPUs."""
    return tf.where(tf.math.is_finite(values), values, 0.0)


def masking() -> Any:
    """Return a model whose loss stays finite where its weights do not."""
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.Conv2D(4, 3, activation=finite_or_zero, name="conv", input_shape=(8, 8, 4)),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def cnn(*, compiled: bool = True, frozen: Sequence[str] = (), rate: float = 0.01) -> Any:
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.Input((8, 8, 4), name="image"),
            layers.Conv2D(16, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.2, name="dropout"),
            layers.Dense(32, activation="relu", name="dense"),
            layers.Dense(CLASSES, activation="softmax", name="class"),
        ],
        name="cnn",
    )
    for name in frozen:
        model.get_layer(name).trainable = False
    if compiled:
        model.compile(tf_keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def perceptron(*, rate: float = 0.001) -> Any:
    """Return the model that is the quickest to train."""
    layers = tf_keras.layers
    image = layers.Input((8, 8, 4), name="image")
    x = layers.Dense(10, activation="relu", name="dense")(layers.Flatten(name="flat")(image))
    model = tf_keras.Model(image, layers.Dense(CLASSES, activation="softmax", name="class")(x))
    model.compile(tf_keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def two_sides() -> Any:
    """Return a functional model with two inputs, a shared and a nested part, and logits."""
    layers = tf_keras.layers
    left, right = layers.Input((8, 8, 4), name="left"), layers.Input((8, 8, 1), name="right")
    shared = layers.Dense(32, name="shared")
    part = tf_keras.Sequential(
        [layers.Input((8, 8, 32)), layers.Conv2D(8, 3, name="conv")], name="part"
    )
    x = layers.Concatenate()([left, right])
    x = part(shared(layers.Conv2D(5, 1, name="mix")(x)))
    x = layers.Add()([x, part(shared(layers.Conv2D(5, 1, name="other")(left)))])
    logits = layers.Dense(CLASSES, name="logits")(layers.GlobalAveragePooling2D()(x))
    model = tf_keras.Model([left, right], logits)
    model.compile("adam", tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def lstm() -> Any:
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.Input((6,), dtype="int64", name="tokens"),
            layers.Embedding(50, 8, mask_zero=True, name="embedding"),
            layers.LSTM(8, name="lstm"),
            layers.Reshape((2, 4), name="reshape"),
            layers.Bidirectional(layers.SimpleRNN(4), name="both"),
            layers.Dense(1, activation="sigmoid", name="class"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    return model

"""The models of the benchmark ``init``, each with its data, in a folder of its own.

``python -m benchmarks.first_models NAME FOLDER`` writes one.
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from example_project import data
from example_project.data import Images, Labels

EXAMPLES = Path(data.__file__).with_name("models")
EPOCHS = 3

Samples = tuple[Images, Labels]


def write(name: str, folder: Path) -> None:
    """Write ``model.keras``, ``test.npz`` and ``calibration.npz`` to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = MODELS[name](folder / "model.keras")
    for file, (x, y) in {"calibration": train, "test": test}.items():
        np.savez(folder / file, x=x[:997], y=y[:997])


def digits_cnn(path: Path) -> tuple[Samples, Samples]:
    """Copy the classifier of the example project."""
    shutil.copy(EXAMPLES / "digits_cnn.keras", path)
    return data.train(), data.test()


def autoencoder(path: Path) -> tuple[Any, Any]:
    """Copy the autoencoder of the example project, whose metric is an error."""
    shutil.copy(EXAMPLES / "autoencoder.keras", path)
    return data.reconstruction_train(), data.reconstruction_test()


def dense_1_mb(path: Path) -> tuple[Samples, Samples]:
    """Train a classifier of 1 MB in float32."""
    from keras import layers

    flat, hidden = [layers.Flatten()], [layers.Dense(420, activation="relu") for _ in range(2)]
    return _trained([*flat, *hidden, *_head()], path, data.train(), data.test())


def lstm(path: Path) -> tuple[Samples, Samples]:
    """Train an LSTM that reads an image row by row."""
    from keras import layers

    rows = layers.Reshape((8, 8))
    return _trained([rows, layers.LSTM(32), *_head()], path, data.train(), data.test())


def reference_cnn(path: Path) -> tuple[Samples, Samples]:
    """Train the CNN of the usual pruning tutorial for few epochs."""
    from keras import layers

    from benchmarks.reference import data as large

    parts = [
        layers.Conv2D(32, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.BatchNormalization(),
        layers.Conv2D(64, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(1024, activation="relu"),
        *_head(),
    ]
    x, y = large.train()
    return _trained(parts, path, (x[:997], y[:997]), large.test())


def example_mobilenet(path: Path, *, alpha: float) -> tuple[Samples, Samples]:
    """Save a model that a function of the example project returns."""
    from example_project import mobilenet

    mobilenet.trained(alpha).save(path)
    return data.train(), data.test()


def mobilenet_v2(path: Path) -> tuple[Samples, Samples]:
    """Train MobileNetV2 of width 0.35 for few epochs."""
    from keras import applications, layers

    network = applications.MobileNetV2((32, 32, 3), alpha=0.35, include_top=False, weights=None)
    parts = [layers.UpSampling2D(4), layers.Conv2D(3, 1), network, layers.Flatten(), *_head()]
    return _trained(parts, path, data.train(), data.test())


def _head() -> list[Any]:
    from keras import layers

    return [layers.Dense(10, activation="softmax")]


def _trained(
    parts: list[Any], path: Path, train: Samples, test: Samples
) -> tuple[Samples, Samples]:
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(train[0].shape[1:]), *parts])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*train, epochs=EPOCHS, batch_size=32, verbose=0)
    model.save(path)
    return train, test


MODELS: Mapping[str, Callable[[Path], tuple[Any, Any]]] = {
    "digits_cnn": digits_cnn,
    "autoencoder": autoencoder,
    "example_mobilenet_0.35": partial(example_mobilenet, alpha=0.35),
    "example_mobilenet_0.5": partial(example_mobilenet, alpha=0.5),
    "dense_1_mb": dense_1_mb,
    "lstm": lstm,
    "reference_cnn": reference_cnn,
    "mobilenet_v2": mobilenet_v2,
}

if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))

"""Classifiers of the example project's digits, in the architectures that recipes must survive."""

import warnings
from pathlib import Path
from typing import Any

Samples = tuple[Any, Any]


def save(model: Any, path: Path) -> None:
    with warnings.catch_warnings():
        # Keras 3 on NumPy 2: https://github.com/keras-team/keras/pull/21288
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        model.save(path)


def train() -> Samples:
    """Return 997 images, float32 ``(n, 8, 8, 1)`` from 0 to 1, and their digits."""
    from example_project import data

    return data.train()


def test() -> Samples:
    """Return 800 images and digits that no model was trained on."""
    from example_project import data

    return data.test()


def train_halves() -> Samples:
    return _halves(train())


def test_halves() -> Samples:
    return _halves(test())


def _halves(samples: Samples) -> Samples:
    x, y = samples
    return {"upper": x[:, :4], "lower": x[:, 4:]}, y


def cnn(keras: Any) -> Any:
    """Return convolutions with and without a batch normalization, two dense layers, dropout."""
    layers = keras.layers
    x = image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="first")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Conv2D(24, 3, padding="same", use_bias=False, name="second")(x)
    x = layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.Flatten(name="flat")(layers.MaxPooling2D(name="smaller")(x))
    x = layers.Dense(32, activation="relu", name="dense")(layers.Dropout(0.2, name="drop")(x))
    return keras.Model(image, _digits(layers, x))


def lstm(keras: Any) -> Any:
    """Return a model that reads an image row by row."""
    layers = keras.layers
    image = layers.Input((8, 8, 1), name="image")
    x = layers.LSTM(24, name="lstm")(layers.Reshape((8, 8), name="rows")(image))
    x = layers.Dense(32, activation="relu", name="dense")(x)
    return keras.Model(image, _digits(layers, x))


def embedded(keras: Any) -> Any:
    """Return a model that looks each pixel up in a table, and reads the rows both ways."""
    layers = keras.layers
    image = layers.Input((8, 8, 1), name="image")
    pixels = layers.Reshape((64,), name="pixels")(layers.Rescaling(16.0, name="rescale")(image))
    x = layers.Embedding(17, 8, name="table")(pixels)
    x = layers.Bidirectional(layers.GRU(24), name="both")(layers.Reshape((8, 64), name="rows")(x))
    return keras.Model(image, _digits(layers, x))


def branched(keras: Any) -> Any:
    """Return a model of the upper and the lower half of an image, with normalized and with 1x1
    convolutions around a sum, and batch normalizations that follow a pooling and a dense layer.
    """
    layers = keras.layers
    halves = [layers.Input((4, 8, 1), name=name) for name in ("upper", "lower")]
    sides = []
    for half in halves:
        x = layers.Rescaling(2.0, -1.0)(half)
        x = layers.Conv2D(12, 3, padding="same", activation="relu", name=f"{half.name}_conv")(x)
        sides.append(layers.MaxPooling2D()(x))
    x = layers.Concatenate(name="both")(sides)
    y = layers.Conv2D(24, 3, padding="same", use_bias=False, name="conv")(x)
    y = layers.ReLU(name="relu")(layers.BatchNormalization(momentum=0.9, name="norm")(y))
    y = layers.Conv2D(24, 1, name="point")(y)
    x = layers.ReLU(name="out")(layers.Add(name="sum")([x, y]))
    x = layers.BatchNormalization(momentum=0.9, name="pooled")(layers.MaxPooling2D(name="pool")(x))
    x = layers.Dense(32, activation="relu", name="dense")(layers.Flatten(name="flat")(x))
    x = layers.BatchNormalization(momentum=0.9, name="units")(x)
    return keras.Model(halves, _digits(layers, x))


def sequences(keras: Any) -> Any:
    """Return a model that lets the rows of an image attend to each other, and reads them."""
    layers = keras.layers
    image = layers.Input((8, 8, 1), name="image")
    rows = layers.Reshape((8, 8), name="rows")(image)
    x = layers.Dense(16, name="embed")(rows)
    x = layers.MultiHeadAttention(2, 8, name="attend")(x, x)
    x = layers.Dense(32, activation="relu", name="dense")(layers.Flatten(name="flat")(x))
    x = layers.Add(name="both")([x, layers.LSTM(32, name="lstm")(rows)])
    return keras.Model(image, _digits(layers, x))


def activations(keras: Any) -> Any:
    """Return a small MobileNetV3, whose activations tfmot or tf_keras lack or name otherwise.

    A functional and a Sequential model are layers of it.
    """
    layers = keras.layers
    inner = layers.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="stem")(inner)
    x = layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = layers.Activation("hard_silu", name="hard_silu")(x)
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="silu", name="fused")(x)
    x = layers.Conv2D(24, 3, padding="same", name="conv")(x)
    x = layers.Activation("relu6", name="relu6")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    gate = layers.Conv2D(24, 1, activation="hard_sigmoid", name="gate")(gate)
    x = layers.Flatten(name="flat")(layers.Multiply(name="scale")([x, gate]))
    features = keras.Model(inner, x, name="features")
    head = keras.Sequential(
        [
            layers.Input((384,)),
            layers.Dense(32, name="dense"),
            layers.Activation("silu", name="silu"),
        ],
        name="head",
    )
    image = layers.Input((8, 8, 1), name="image")
    return keras.Model(image, _digits(layers, head(features(image))))


def subclassed(keras: Any) -> Any:
    """Return a model without a graph of layers."""
    del keras  # the module below has the only generation that the test is about
    from tests.recipes.subclassed import Subclassed

    return Subclassed(name="subclassed")


def own_layer(keras: Any) -> Any:
    """Return a model with a layer of the user's, whose inner one is named like one outside."""
    from tests.recipes.subclassed import Block

    layers = keras.layers
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="conv2d")(image)
    return keras.Model(image, _digits(layers, layers.Flatten(name="flat")(Block(name="own")(x))))


def _digits(layers: Any, x: Any) -> Any:
    return layers.Dense(10, activation="softmax", name="digit")(x)

"""The models and data that a user's project would have."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = tuple[Any, NDArray[np.float32]]


def cnn(*, units: int = 32) -> Any:
    import keras

    return _cnn(keras, units)


def legacy_cnn(*, units: int = 32) -> Any:
    import tf_keras

    return _cnn(tf_keras, units)


def _cnn(keras: Any, units: int) -> Any:
    layers = keras.layers
    image = layers.Input((8, 8, 3), name="image")
    x = layers.Conv2D(8, 3, activation="relu", name="conv")(image)
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(units, activation="relu", name="dense")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    return keras.Model(image, layers.Dense(4, activation="softmax", name="class")(x), name="cnn")


def separable() -> Any:
    """A model with kernels of all kinds that can be sparse, and large enough to be."""
    import tf_keras

    layers = tf_keras.layers
    image = layers.Input((8, 8, 16), name="image")
    x = layers.Conv2D(64, 3, activation="relu", name="conv")(image)
    x = layers.DepthwiseConv2D(5, activation="relu", name="depthwise")(x)
    x = layers.Conv2D(32, 1, activation="relu", name="pointwise")(x)
    x = layers.Dense(300, activation="relu", name="dense")(layers.Flatten()(x))
    return tf_keras.Model(image, layers.Dense(4, name="class")(x))


def two_ends() -> Any:
    import keras

    layers = keras.layers
    left, right = layers.Input((6,), name="left"), layers.Input((3,), name="right")
    x = layers.Dense(16, activation="relu", name="trunk")(layers.Concatenate()([left, right]))
    outputs = [layers.Dense(1, name="score")(x), layers.Dense(3, name="logits")(x)]
    return keras.Model([left, right], outputs)


def sequential() -> Any:
    import keras

    layers = keras.layers
    return keras.Sequential([layers.Input((8, 8, 3)), layers.Flatten(), layers.Dense(4)])


def open_flatten() -> Any:
    import keras

    text = keras.layers.Input((None, 4), name="text")
    return keras.Model(text, keras.layers.Flatten()(text))


def dilated() -> Any:
    """Return causal convolutions of one dimension, the second one with gaps."""
    import keras

    layers = keras.layers
    x = wave = layers.Input((12, 2), name="wave")
    x = layers.Conv1D(4, 3, padding="causal", activation="relu")(x)
    return keras.Model(wave, layers.Conv1D(4, 3, padding="causal", dilation_rate=2)(x))


def lstm() -> Any:
    import tf_keras

    layers = tf_keras.layers
    return tf_keras.Sequential([layers.Input((6, 4)), layers.LSTM(8), layers.Dense(5)])


def embedding() -> Any:
    import keras

    layers = keras.layers
    tokens = layers.Input((5,), dtype="int32", name="tokens")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(20, 8)(tokens))
    return keras.Model(tokens, layers.Dense(64, name="topic")(x))


def subclassed() -> Any:
    import keras

    class Scaled(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(4)

        def call(self, x: Any) -> Any:
            return self.dense(x) * 2.0

    model = Scaled()
    model(np.zeros((1, 3), np.float32))
    return model


def activation_only() -> Any:
    import keras

    x = keras.layers.Input((4,), name="x")
    return keras.Model(x, keras.layers.ReLU(name="relu")(x))


def shifted() -> Any:
    """Return a model whose inputs from 0 to 2 become outputs from -1 to 1."""
    import keras

    image = keras.Input((8, 8, 3), name="image")
    return keras.Model(image, image + (-1.0))


def svd() -> Any:
    import keras
    import tensorflow as tf

    x = keras.layers.Input((4, 4))
    layer = keras.layers.Lambda(lambda y: tf.linalg.svd(y, compute_uv=False), output_shape=(4,))
    return keras.Model(x, layer(x))


def nan_weights() -> Any:
    model = cnn()
    model.get_layer("dense").set_weights([np.full((8, 32), np.nan), np.zeros(32)])
    return model


def unbuilt() -> Any:
    import keras

    return keras.Sequential([keras.layers.Dense(3)], name="loose")


def nothing() -> None:
    pass


def number() -> int:
    return 3


def broken() -> Any:
    raise RuntimeError("no weights today")


def images(*, shape: tuple[int, ...] = (8, 8, 3), dtype: str = "float32") -> Samples:
    values = np.random.default_rng(0).random((40, *shape)).astype(dtype)
    return values, np.zeros(40, np.float32)


def up_to_two() -> Samples:
    return np.linspace(0, 2, 4 * 8 * 8 * 3, dtype=np.float32).reshape(4, 8, 8, 3), np.zeros(
        4, np.float32
    )


def no_images() -> Samples:
    return np.zeros((0, 8, 8, 3), np.float32), np.zeros(0, np.float32)


def nan_images() -> Samples:
    values, y = images()
    values[7] = np.nan
    return values[:20], y[:20]


def tokens(*, dtype: str = "int64") -> Samples:
    return np.random.default_rng(0).integers(0, 20, (40, 5)).astype(dtype), np.zeros(40, np.float32)


def two_sides(*, right: str = "right") -> Samples:
    random = np.random.default_rng(0)
    x = {"left": random.random((40, 6)), right: random.random((40, 3))}
    return x, np.zeros(40, np.float32)

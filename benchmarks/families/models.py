"""One small model of each family, and data that the code makes.

Each function takes ``keras`` or ``tf_keras``, and returns an uncompiled model. ``FAMILIES`` says
which samples it is trained on, and how it is scored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Samples = tuple[Any, Array]
TRAIN, TEST = 1200, 600
CLASSES = 6


def _generator(samples: int) -> np.random.Generator:
    return np.random.default_rng(samples)


def _labels(samples: int) -> Array:
    return _generator(samples).integers(0, CLASSES, samples)


def _noisy(patterns: Array, labels: Array, noise: float) -> Array:
    generator = _generator(len(labels) + 1)
    shape = (len(labels), *patterns.shape[1:])
    return (patterns[labels] + generator.normal(0, noise, shape)).astype(np.float32)


def _patterns(*shape: int) -> Array:
    return np.random.default_rng(7).normal(size=(CLASSES, *shape))


def images(samples: int) -> Samples:
    """Return noisy images of six classes, float32 ``(samples, 16, 16, 3)``."""
    labels = _labels(samples)
    return _noisy(_patterns(16, 16, 3), labels, 5.0), labels


def spectrograms(samples: int) -> Samples:
    """Return noisy spectrograms of six words, float32 ``(samples, 25, 10, 1)``."""
    labels = _labels(samples)
    return _noisy(_patterns(25, 10, 1), labels, 3.0), labels


def series(samples: int) -> Samples:
    """Return waves of six frequencies with noise, float32 ``(samples, 24, 2)``."""
    labels = _labels(samples)
    generator = _generator(samples + 2)
    phase = generator.uniform(0, 2 * np.pi, (samples, 1))
    angle = 0.25 * (labels[:, None] + 1) * np.arange(24) + phase
    waves = np.stack([np.sin(angle), np.cos(angle)], -1)
    return (waves + generator.normal(0, 0.4, waves.shape)).astype(np.float32), labels


def texts(samples: int) -> Samples:
    """Return token numbers, int32 ``(samples, 16)``: each class has words that it often uses."""
    labels = _labels(samples)
    generator = _generator(samples + 3)
    tokens = generator.integers(0, 200, (samples, 16))
    own = labels[:, None] * 30 + generator.integers(0, 30, (samples, 16))
    chosen = np.where(generator.random((samples, 16)) < 0.35, own, tokens)
    return chosen.astype(np.int32), labels


def pairs(samples: int) -> Samples:
    """Return numbers of a user and of an item, and whether the user likes the item."""
    generator = _generator(samples + 4)
    user, item = generator.integers(0, 60, (2, samples, 1))
    likes = (np.random.default_rng(8).normal(size=(60, 60)) > 0)[user, item]
    x = {"item": item.astype(np.int32), "user": user.astype(np.int32)}
    return x, likes.astype(np.float32)


def same(samples: int) -> Samples:
    """Return images of one channel, float32 ``(samples, 16, 16, 1)``, as inputs and as targets."""
    x = _blobs(samples)
    return x, x


def masks(samples: int) -> Samples:
    """Return noisy images of one channel, and where there is something in them."""
    x = _blobs(samples)
    noise = _generator(samples + 5).normal(0, 0.2, x.shape)
    return (x + noise).astype(np.float32), (x > 0.5).astype(np.float32)


def doubled(samples: int) -> Samples:
    """Return images of one channel with half of the rows and columns, and the whole images."""
    x = _blobs(samples)
    return x[:, ::2, ::2], x


def codes(samples: int) -> Samples:
    """Return codes, float32 ``(samples, 3)``, and the image that each stands for."""
    place = _places(samples)
    return place.astype(np.float32), _blobs(samples)


def boxes(samples: int) -> Samples:
    """Return images, and ``(samples, 3)``: the place and the size of what is in each."""
    return _blobs(samples), _places(samples).astype(np.float32)


def _places(samples: int) -> Array:
    return _generator(samples + 6).uniform(0.2, 0.8, (samples, 3))


def _blobs(samples: int) -> Array:
    place = _places(samples)[:, :, None, None]
    rows, columns = np.mgrid[0:16, 0:16] / 16
    distance = (rows - place[:, 0]) ** 2 + (columns - place[:, 1]) ** 2
    blobs: Array = np.exp(-distance / (0.05 * place[:, 2]))[..., None].astype(np.float32)
    return blobs


def image_cnn(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((16, 16, 3), name="image")
    for width in (16, 32):
        x = layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dense(32, activation="relu")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x))


def keyword_spotting(keras: Any) -> Any:
    """Return a depthwise-separable CNN as in Hello Edge (Zhang et al. 2017)."""
    layers = keras.layers
    spectrogram = layers.Input((25, 10, 1), name="spectrogram")
    x = layers.Conv2D(32, (5, 3), strides=2, padding="same", activation="relu")(spectrogram)
    for _ in range(2):
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.Conv2D(32, 1, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(spectrogram, layers.Dense(CLASSES, activation="softmax")(x))


def lstm(keras: Any) -> Any:
    layers = keras.layers
    x = wave = layers.Input((24, 2), name="wave")
    x = layers.LSTM(24)(x)
    return keras.Model(wave, layers.Dense(CLASSES, activation="softmax")(x))


def gru(keras: Any) -> Any:
    layers = keras.layers
    x = wave = layers.Input((24, 2), name="wave")
    x = layers.Bidirectional(layers.GRU(16))(x)
    return keras.Model(wave, layers.Dense(CLASSES, activation="softmax")(x))


def tcn(keras: Any) -> Any:
    """Return dilated causal convolutions (Bai et al. 2018)."""
    layers = keras.layers
    x = wave = layers.Input((24, 2), name="wave")
    x = layers.Conv1D(16, 3, padding="causal", activation="relu")(x)
    for rate in (2, 4):
        y = layers.Conv1D(16, 3, padding="causal", dilation_rate=rate, activation="relu")(x)
        x = layers.Add()([x, y])
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(wave, layers.Dense(CLASSES, activation="softmax")(x))


def text_transformer(keras: Any) -> Any:
    layers = keras.layers
    tokens = layers.Input((16,), dtype="int32", name="tokens")
    x = layers.Embedding(200, 24)(tokens)
    y = layers.MultiHeadAttention(2, 12)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    y = layers.Dense(24)(layers.Dense(48, activation="relu")(x))
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(tokens, layers.Dense(CLASSES, activation="softmax")(x))


def unet(keras: Any) -> Any:
    layers = keras.layers
    image = layers.Input((16, 16, 1), name="image")
    fine = layers.Conv2D(12, 3, padding="same", activation="relu")(image)
    coarse = layers.Conv2D(24, 3, padding="same", activation="relu")(layers.MaxPooling2D()(fine))
    up = layers.Conv2DTranspose(12, 2, strides=2, activation="relu")(coarse)
    x = layers.Concatenate()([fine, up])
    x = layers.Conv2D(12, 3, padding="same", activation="relu")(x)
    return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))


def autoencoder(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((16, 16, 1), name="image")
    x = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(12, activation="relu")(layers.Flatten()(x))
    x = layers.Reshape((8, 8, 12))(layers.Dense(8 * 8 * 12, activation="relu")(x))
    x = layers.UpSampling2D()(x)
    return keras.Model(image, layers.Conv2D(1, 3, padding="same")(x))


def two_towers(keras: Any) -> Any:
    layers = keras.layers
    inputs = {name: layers.Input((1,), dtype="int32", name=name) for name in ("item", "user")}
    towers = [
        layers.Dense(16)(layers.Dense(32, activation="relu")(layers.Flatten()(embedded)))
        for embedded in (layers.Embedding(60, 24)(inputs[name]) for name in inputs)
    ]
    x = layers.Dense(32, activation="relu")(layers.Concatenate()(towers))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def detection(keras: Any) -> Any:
    """Return a model with two outputs: a box, and how large it is in words."""
    layers = keras.layers
    x = image = layers.Input((16, 16, 1), name="image")
    for width in (12, 24):
        x = layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Flatten()(x)
    box = layers.Dense(3, name="box")(layers.Dense(24, activation="relu")(x))
    kind = layers.Dense(2, activation="softmax", name="kind")(x)
    return keras.Model(image, {"box": box, "kind": kind})


def generator(keras: Any) -> Any:
    """Return the generator of a GAN: transposed convolutions from a code to an image."""
    layers = keras.layers
    x = code = layers.Input((3,), name="code")
    x = layers.Reshape((4, 4, 24))(layers.Dense(4 * 4 * 24, activation="relu")(x))
    for width in (24, 12):
        x = layers.Conv2DTranspose(width, 4, strides=2, padding="same", use_bias=False)(x)
        x = layers.LeakyReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(code, layers.Conv2D(1, 3, padding="same", activation="tanh")(x))


def super_resolution(keras: Any) -> Any:
    """Return a model that doubles images of any size, as FSRCNN does (Dong et al. 2016)."""
    layers = keras.layers
    x = image = layers.Input((None, None, 1), name="image")
    for _ in range(2):
        x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    return keras.Model(image, layers.Conv2DTranspose(1, 4, strides=2, padding="same")(x))


@dataclass(frozen=True)
class Family:
    """One model, its samples, its metric as a budget file has it, and its loss."""

    build: Callable[[Any], Any]
    samples: Callable[[int], Samples]
    metric: str
    loss: str
    epochs: int


def _classifier(build: Callable[[Any], Any], samples: Callable[[int], Samples], n: int) -> Family:
    return Family(build, samples, "accuracy", "sparse_categorical_crossentropy", n)


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "image_cnn": _classifier(image_cnn, images, 6),
        "keyword_spotting": _classifier(keyword_spotting, spectrograms, 10),
        "lstm": _classifier(lstm, series, 20),
        "gru": _classifier(gru, series, 20),
        "tcn": _classifier(tcn, series, 20),
        "text_transformer": _classifier(text_transformer, texts, 10),
        "unet": Family(unet, masks, "mse", "binary_crossentropy", 6),
        "autoencoder": Family(autoencoder, same, "mse", "mse", 20),
        "two_towers": Family(two_towers, pairs, "auc", "binary_crossentropy", 20),
        "detection": Family(detection, boxes, "{mse: {output: box}}", "mse", 10),
        "generator": Family(generator, codes, "mse", "mse", 30),
        "super_resolution": Family(super_resolution, doubled, "mse", "mse", 6),
    }
)


def train(family: str) -> Samples:
    """Return the samples that a family is trained on."""
    return FAMILIES[family].samples(TRAIN)


def test(family: str) -> Samples:
    """Return the samples that a family is scored on."""
    return FAMILIES[family].samples(TEST)

"""A depthwise-separable classifier of the digits, in tf_keras (Keras 2).

The layout is that of MobileNet (Howard et al. 2017, arXiv:1704.04861), shrunk to 8x8.
"""

from pathlib import Path

import tf_keras
from tf_keras import layers

MODELS = Path(__file__).with_name("models")
ALPHAS = (0.35, 0.5)


def build(alpha: float = 0.5) -> tf_keras.Model:
    """Build the untrained classifier.

    Args:
        alpha: Width: every layer has this share of its full number of filters.

    Returns:
        A model from images, float32 ``(batch, 8, 8, 1)`` from 0 to 1, to the
        probabilities of the digits, float32 ``(batch, 10)``.
    """
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(int(32 * alpha), 3, padding="same", use_bias=False)(image)
    x = _normalized_relu6(x)
    for filters, strides in [(64, 1), (128, 2), (128, 1), (256, 2)]:
        x = _separable(x, int(filters * alpha), strides)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    probabilities = layers.Dense(10, activation="softmax", name="digit")(x)
    return tf_keras.Model(image, probabilities, name=f"mobilenet_{alpha}")


def weights_file(alpha: float) -> Path:
    """Return where the trained weights for ``alpha`` are kept."""
    return MODELS / f"mobilenet_{alpha}.h5"


def trained(alpha: float = 0.5) -> tf_keras.Model:
    """Build the classifier as ``build`` does and load its trained weights.

    Args:
        alpha: One of ``ALPHAS``.

    Returns:
        The same model, trained and compiled.
    """
    model = build(alpha)
    model.load_weights(weights_file(alpha))
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def _separable(x: object, filters: int, strides: int) -> object:
    x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x)
    x = _normalized_relu6(x)
    x = layers.Conv2D(filters, 1, use_bias=False)(x)
    return _normalized_relu6(x)


def _normalized_relu6(x: object) -> object:
    return layers.ReLU(6.0)(layers.BatchNormalization()(x))

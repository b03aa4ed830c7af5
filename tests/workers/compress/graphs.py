"""Models of many shapes, each with filters and units of which half can go, tied ones together."""

from typing import Any

import tf_keras

Zeros = dict[str, list[int]]


def sequential() -> tuple[Any, Zeros]:
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(8, 3, name="conv"),
            layers.BatchNormalization(name="conv_norm"),
            layers.LeakyReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 2, activation="tanh", padding="same", name="second"),
            layers.PReLU(shared_axes=[1, 2]),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="relu", name="dense"),
            layers.Dense(4, activation="softmax", name="class"),
        ]
    )
    return model, {"conv": [0, 3, 6, 7], "second": [1, 2, 5], "dense": [0, 2, 4, 6, 8]}


def residual() -> tuple[Any, Zeros]:
    layers = tf_keras.layers
    x = image = layers.Input((8, 8, 3))
    x = skip = layers.Conv2D(8, 3, padding="same", name="stem")(x)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(8, 3, padding="same", name="conv")(x)
    x = layers.Add()([layers.BatchNormalization(name="conv_norm")(x), skip])
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise", use_bias=False)(x)
    x = layers.SeparableConv2D(6, 3, depth_multiplier=2, name="separable")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = tf_keras.Model(image, layers.Dense(4, name="logits")(x))
    return model, {"stem": [1, 2, 6, 7], "conv": [1, 2, 6, 7], "separable": [0, 1, 2]}


def concatenated() -> tuple[Any, Zeros]:
    layers = tf_keras.layers
    x = image = layers.Input((8, 8, 3))
    left = layers.Conv2D(4, 3, name="left")(x)
    right = layers.Conv2D(6, 3, name="right")(x)
    both = layers.Concatenate()([left, right])
    x = layers.Add()([both, layers.Conv2D(10, 3, name="whole")(x)])
    x = layers.Concatenate()([x, both, image[:, 1:-1, 1:-1]])
    x = layers.Conv2D(4, 3, name="after")(x)
    model = tf_keras.Model(image, layers.Dense(2)(layers.GlobalMaxPooling2D()(x)))
    return model, {"left": [0, 3], "right": [1, 2, 5], "whole": [0, 3, 5, 6, 9], "after": [2, 3]}


def shared() -> tuple[Any, Zeros]:
    layers = tf_keras.layers
    left, right = layers.Input((8, 5), name="left"), layers.Input((8, 5), name="right")
    first, twice = layers.Conv1D(6, 3, name="first"), layers.Conv1D(4, 3, name="twice")
    wider = [layers.Dense(8, name=f"{x.name}_wider")(x) for x in (left, right)]
    ends = [layers.GlobalAveragePooling1D()(twice(first(x))) for x in wider]
    outputs = [
        layers.Dense(3, name="difference")(layers.Subtract()(ends)),
        layers.Dense(1, name="score")(layers.Concatenate()(ends)),
    ]
    zeros = {"left_wider": [0, 1, 6, 7], "right_wider": [0, 1, 6, 7]}
    return tf_keras.Model([left, right], outputs), {**zeros, "first": [1, 3, 4], "twice": [0, 2]}


def decoder() -> tuple[Any, Zeros]:
    layers = tf_keras.layers
    code = layers.Input((5,))
    x = layers.Dense(4 * 4 * 6, activation="relu", name="dense")(code)
    x = layers.Reshape((4, 4, 6))(x)
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same", name="transposed")(x)
    x = layers.ZeroPadding2D()(layers.UpSampling2D()(x))
    model = tf_keras.Model(code, layers.Conv2D(1, 3, activation="sigmoid", name="pixel")(x))
    units = [unit for unit in range(4 * 4 * 6) if unit % 6 in (1, 4, 5)]
    return model, {"dense": units, "transposed": [0, 1, 4, 7]}


def gated() -> tuple[Any, Zeros]:
    layers = tf_keras.layers
    x = image = layers.Input((6, 6, 2))
    x = layers.Conv2D(8, 3, name="conv")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Dense(4, activation="relu", name="squeeze")(gate)
    gate = layers.Dense(8, activation="sigmoid", name="excite")(gate)
    x = layers.GlobalAveragePooling2D()(layers.Multiply()([x, gate]))
    model = tf_keras.Model(image, layers.Dense(2)(x))
    zeros = [0, 2, 4, 6]
    return model, {"conv": zeros, "excite": zeros, "squeeze": [0, 1]}


def digits() -> Any:
    """An untrained classifier of the example project's digits, compiled."""
    layers = tf_keras.layers
    x = image = layers.Input((8, 8, 1), name="image")
    for index in range(2):
        x = layers.Conv2D(16, 3, padding="same", use_bias=False, name=f"conv_{index}")(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(32, activation="relu", name="dense")(layers.Flatten()(x))
    model = tf_keras.Model(image, layers.Dense(10, activation="softmax", name="digit")(x))
    model.compile(tf_keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    return model


def residual_digits() -> Any:
    """A classifier of the digits whose convolutions are tied."""
    layers = tf_keras.layers
    x = image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    x = layers.Add()([x, layers.Conv2D(4, 3, padding="same", name="conv")(x)])
    x = layers.GlobalAveragePooling2D()(x)
    model = tf_keras.Model(image, layers.Dense(10, activation="softmax", name="digit")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def untraceable() -> Any:
    """A model in which most layers make channels that must stay."""
    layers = tf_keras.layers
    x = image = layers.Input((6, 6, 2), name="image")
    x = layers.Conv2D(4, 1, name="free")(x)
    x = layers.Conv2D(4, 1, name="before_lambda")(x)
    x = layers.Lambda(lambda y: y * 2, name="scaled")(x)
    x = layers.Conv2D(4, 1, name="before_norm")(x)
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.Conv2D(4, 1, groups=2, name="grouped")(x)
    x = layers.Conv2D(4, 1, activation="softmax", name="softmax")(x)
    x = layers.Conv2D(2, 1, name="added_to_the_image")(x)
    x = layers.Add()([x, image])
    gate = layers.Conv2D(1, 1, activation="sigmoid", name="gate")(x)
    x = layers.Multiply(name="gated")([layers.Conv2D(4, 1, name="before_gate")(x), gate])
    inner = layers.Input((6, 6, 4))
    nested = tf_keras.Model(inner, layers.Conv2D(4, 1, name="conv")(inner), name="nested")
    x = nested(layers.Conv2D(4, 1, name="before_nested")(x))
    x = layers.Reshape((36, 4))(x)
    x = layers.LSTM(3, name="lstm")(layers.Conv1D(4, 1, name="before_lstm")(x))
    return tf_keras.Model(image, layers.Dense(2, name="score")(x))


def constant(logits: Any, activation: str | None) -> Any:
    """A model from a row number to that row of ``logits``, or to its softmax."""
    layers = tf_keras.layers
    row = layers.Input((1,), dtype="int32", name="row")
    x = layers.Embedding(*logits.shape, weights=[logits])(row)
    return tf_keras.Model(row, layers.Activation(activation or "linear")(layers.Flatten()(x)))

"""Models of Keras 3 with what is hard to move into tf_keras."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("tests")
class Scale(layers.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x: Any) -> Any:
        return x * self.scale


@keras.saving.register_keras_serializable("tests")
class Forgetful(layers.Layer):  # type: ignore[misc]
    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor

    def get_config(self) -> Any:
        return layers.Layer.get_config(self) | {"factor": 1.0}


class Doubled(keras.Model):  # type: ignore[misc]
    def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
        return 2.0 * super().call(x, training=training, mask=mask)


def sequential() -> Any:
    image = layers.Input((8, 8, 3), name="image")
    return keras.Sequential([image, layers.SeparableConv2D(4, 3), layers.Flatten()], name="tiny")


def residual() -> Any:
    image = layers.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="hard_sigmoid", name="conv")(image)
    y = layers.LeakyReLU(0.1, name="leaky")(layers.BatchNormalization(name="norm")(x))
    z = ops.relu((x + y) * 2.0)[:, 1:, ::2]
    return keras.Model(image, layers.Dense(3, "hard_silu", name="class")(ops.mean(z, axis=(1, 2))))


def nested_and_shared() -> Any:
    left, right = layers.Input((4,), name="left"), layers.Input((4,), name="right")
    tower = keras.Sequential(
        [layers.Input((4,)), layers.Dense(5), layers.BatchNormalization()], name="tower"
    )
    x = layers.Input((5,))
    head = keras.Model(x, ops.tanh(layers.Dense(2, name="inner")(x)), name="head")
    scores = layers.Subtract(name="subtract")([head(tower(left)), head(tower(right))])
    return keras.Model({"left": left, "right": right}, {"score": scores, "tower": tower(right)})


def recurrent() -> Any:
    series = layers.Input((6, 8, 8, 1), name="series")
    frame = keras.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Flatten()])
    x = layers.TimeDistributed(frame, name="frames")(series)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(x)
    x, h, c = layers.LSTM(4, return_sequences=True, return_state=True, name="encoder")(x)
    x = layers.LSTM(4, recurrent_activation="hard_sigmoid", name="decoder")(x, initial_state=[h, c])
    return keras.Model(
        series, [x, layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)])(series[..., 0, 0])]
    )


def masked_text() -> Any:
    tokens = layers.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(10, 4, mask_zero=True, name="embedding")(tokens)
    y = layers.GlobalMaxPooling1D(name="pool")(layers.Conv1D(3, 2, name="conv")(x))
    return keras.Model(tokens, layers.Concatenate(name="both")([layers.LSTM(3, name="lstm")(x), y]))


def attention() -> Any:
    x = layers.Input((5, 8), name="x")
    y = layers.MultiHeadAttention(2, 4, name="self")(x, x, use_causal_mask=True)
    y = layers.LayerNormalization(name="norm")(x + y)
    y, scores = layers.MultiHeadAttention(2, 4, name="cross")(y, x, return_attention_scores=True)
    return keras.Model(x, [layers.RMSNormalization(name="rms")(y), scores])


def preprocessing() -> Any:
    normalization = layers.Normalization(name="norm")
    normalization.adapt(np.arange(40.0).reshape(10, 4))
    x = layers.Input((4,), name="x")
    y = layers.Rescaling(0.5, 1.0, name="rescale")(normalization(x))
    y = layers.Dense(4, layers.LeakyReLU(0.3), kernel_regularizer="l2", name="dense")(y)
    return keras.Model(x, layers.PReLU(name="prelu")(Scale(name="scale")(y)))


def augmented() -> Any:
    image = layers.Input((8, 8, 3), dtype="uint8", name="image")
    x = ops.cast(image, "float32") / 255.0
    x = layers.RandomFlip(name="flip")(layers.RandomRotation(0.1, name="rotate")(x))
    x = layers.Resizing(6, 6, name="resize")(x)
    x = layers.Conv2DTranspose(2, 3, name="up", dtype="mixed_float16")(x)
    x = layers.AdaptiveAveragePooling2D(2, name="adaptive")(x)
    return keras.Model(image, layers.SpectralNormalization(layers.Dense(3), name="spectral")(x))

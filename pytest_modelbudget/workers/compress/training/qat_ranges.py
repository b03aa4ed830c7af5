"""Makes the ranges of activations usable from the first step of quantization-aware training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
import tf_keras
from tensorflow_model_optimization.python.core.quantization.keras import quant_ops

_DECAY = 0.999  # tfmot's own


@contextmanager
def averaged_ranges() -> Iterator[tf_keras.callbacks.Callback]:
    """Replace tfmot's moving average of ranges by the mean of the steps so far, at first.

    tfmot starts from the range -6 to 6, which influences the average for thousands of steps:
    https://github.com/tensorflow/model-optimization/issues/368

    Yields:
        A callback for the training, which must run inside this context.
    """
    decay = tf.Variable(0.0)
    original = quant_ops.MovingAvgQuantize

    def with_decay(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **{**kwargs, "ema_decay": decay})

    quant_ops.MovingAvgQuantize = with_decay
    try:
        yield _Decay(decay)
    finally:
        quant_ops.MovingAvgQuantize = original


class _Decay(tf_keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, decay: tf.Variable) -> None:
        super().__init__()
        self._decay = decay
        self._steps = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._decay.assign(min(_DECAY, self._steps / (self._steps + 1)))
        self._steps += 1

"""Updates the statistics of batch normalization after a short training."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import tensorflow as tf
import tf_keras

from pytest_modelbudget.workers.compress.models.keras_types import Model

_MAX_BATCHES = 200  # More batches do not make the means noticeably better.


def update_batch_norm(model: Model, batches: Iterable[Any]) -> None:
    """Set the moving statistics to their mean over batches, computed with the current weights.

    With the default momentum, the moving statistics lag by hundreds of steps, more than a short
    training has: a small model that is 97 % right in training can be 50 % right in inference.
    The method is the "precise" batch normalization of Wu and Johnson 2021, arXiv:2105.07576.

    Args:
        model: A tf_keras model, whose statistics change.
        batches: The inputs of the training set, arranged as the model takes them; not read if
            the model has no batch normalization to update.
    """
    layers = [
        layer
        for layer in model.submodules
        if isinstance(layer, tf_keras.layers.BatchNormalization) and layer.trainable
    ]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def update(x: Any, momentum: Any) -> None:
        for layer in layers:
            layer.momentum = momentum
        model(x, training=True)

    for index, x in enumerate(islice(batches, _MAX_BATCHES)):
        update(x, tf.constant(index / (index + 1)))  # All batches count the same.
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum

"""Prunes the smallest weights while a model trains.

The masks and schedules are those of tfmot. Its wrapper layers are not used: they count every call
of a shared layer as a step, they drop Keras masks, and they do not support layers with a second
input tensor, such as attention.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras
from tensorflow_model_optimization.python.core.sparsity.keras.prune_registry import PruneRegistry
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_impl import Pruning

from pytest_modelbudget.workers.compress.models.keras_types import Layer, Variable
from pytest_modelbudget.workers.compress.training.sparsity_target import SparsityTarget

_FLOAT32_ERROR = 1e-4  # of the sparsity of a schedule, in weights, up to some thousand weights


def prunable_weights(layer: Layer) -> list[Variable]:
    """Return the kernels of a layer that tfmot prunes; none if it does not support the layer."""
    if hasattr(layer, "get_prunable_weights"):  # The user's own PrunableLayer.
        return list(layer.get_prunable_weights())
    if not PruneRegistry.supports(layer):
        return []
    return list(PruneRegistry.make_prunable(layer).get_prunable_weights())


class ExactPruning(Pruning):  # type: ignore[misc]
    """Pruning that never makes fewer zeros than the schedule asks for.

    tfmot rounds the number of weights that stay, and keeps those of equal size. The zeros that lack
    would be made after the training, which could not adapt the other weights any more.
    """

    def _update_mask(self, weights: Any) -> tuple[Any, Any]:
        """Return the size of the smallest weight that stays, and the mask: 1 for what stays."""
        sparsity = tf.cast(self._pruning_schedule(self._step_fn())[1], tf.float64)
        sizes = tf.reshape(tf.abs(weights), [-1])
        stay = tf.cast(tf.size(sizes), tf.float64) * (1 - sparsity) + _FLOAT32_ERROR
        largest, places = tf.math.top_k(sizes, tf.maximum(tf.cast(stay, tf.int32), 1))
        mask = tf.scatter_nd(places[:, tf.newaxis], tf.ones_like(largest), tf.shape(sizes))
        return largest[-1], tf.reshape(mask, tf.shape(weights))


class PruneByMagnitude(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that sets the smallest weights of each kernel to zero during training.

    Args:
        kernels: The variables.
        schedule: A ``PruningSchedule`` of tfmot, whose steps count from 1. It is not used for a
            pattern, which is applied from the first step on.
        target: The block or the pattern.
    """

    def __init__(self, kernels: Sequence[Variable], schedule: Any, target: SparsityTarget) -> None:
        super().__init__()
        self._step = tf.Variable(0, dtype=tf.int64)
        masked = [
            (kernel, tf.Variable(tf.ones_like(kernel)), tf.Variable(tf.zeros((), kernel.dtype)))
            for kernel in kernels
        ]
        self._pruning = ExactPruning(
            lambda: self._step, masked, schedule, target.block, "AVG", target.pattern
        )
        self._advance = tf.function(self._mask, autograph=False)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 (Keras names it)
        """Update the masks if it is time, and apply them."""
        self._advance()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002 (Keras names it)
        """Apply the masks once more, because the last step has changed pruned weights."""
        self._pruning.weight_mask_op()

    def _mask(self) -> None:
        self._step.assign_add(1)
        self._pruning.conditional_mask_update()
        self._pruning.weight_mask_op()

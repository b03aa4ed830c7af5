"""Masks that hold the smallest weights at zero while a model trains.

The masks and schedules are tfmot's, its wrapper layers are not used: they count every call of
a shared layer as a step, drop Keras masks, and take no second tensor, as attention does.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras
from tensorflow_model_optimization.python.core.sparsity.keras.prune_registry import PruneRegistry
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_impl import Pruning

from pytest_modelbudget.workers.compress.training.selections import Layer
from pytest_modelbudget.workers.compress.training.sparsity_target import Target

Kernel = Any  # a tf.Variable


def prunable_weights(layer: Layer) -> list[Kernel]:
    """Return the kernels of a layer that tfmot prunes; none where it does not know the layer."""
    if hasattr(layer, "get_prunable_weights"):  # a PrunableLayer of the user's own
        return list(layer.get_prunable_weights())
    if not PruneRegistry.supports(layer):
        return []
    return list(PruneRegistry.make_prunable(layer).get_prunable_weights())


class PruneByMagnitude(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """A callback for training that makes the smallest weights of each kernel zero.

    Args:
        kernels: The variables.
        schedule: A ``PruningSchedule`` of tfmot: when, and how many; its steps count from 1.
            A pattern does without: it is there from the first step on.
        target: Its block or pattern.
    """

    def __init__(self, kernels: Sequence[Kernel], schedule: Any, target: Target) -> None:
        super().__init__()
        self._step = tf.Variable(0, dtype=tf.int64)
        masked = [
            (kernel, tf.Variable(tf.ones_like(kernel)), tf.Variable(tf.zeros((), kernel.dtype)))
            for kernel in kernels
        ]
        self._pruning = Pruning(
            lambda: self._step, masked, schedule, target.block, "AVG", target.pattern
        )
        self._advance = tf.function(self._mask, autograph=False)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 (Keras names it)
        """Update the masks if it is time, and apply them."""
        self._advance()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002 (Keras names it)
        """Apply the masks once more, because the last step has filled zeros again."""
        self._pruning.weight_mask_op()

    def _mask(self) -> None:
        self._step.assign_add(1)
        self._pruning.conditional_mask_update()
        self._pruning.weight_mask_op()

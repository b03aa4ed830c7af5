from typing import Any

import pytest
import tf_keras

from pytest_modelbudget.workers.compress.training.pruning import PruneByMagnitude
from pytest_modelbudget.workers.compress.training.sparsity_target import SparsityTarget
from tests.workers.compress.trainees import images, perceptron

pytestmark = [
    pytest.mark.tensorflow,
    # tfmot still imports distutils.
    pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning"),
]


def sparsity(kernel: Any) -> float:
    return float((kernel.numpy() == 0).mean())


class Watch(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """Notes the sparsity of a kernel before and after each training step."""

    def __init__(self, kernel: Any) -> None:
        super().__init__()
        self._kernel = kernel
        self.before: list[float] = []
        self.after: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 (Keras names it)
        self.before.append(sparsity(self._kernel))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 (Keras names it)
        self.after.append(sparsity(self._kernel))


def test_pruned_weights_are_zero_in_every_step_between_two_updates_of_the_masks() -> None:
    import tensorflow_model_optimization as tfmot

    model = perceptron()
    kernel = model.get_layer("dense").kernel
    only_in_step_1 = tfmot.sparsity.keras.ConstantSparsity(0.8, begin_step=1, frequency=100)
    prune = PruneByMagnitude([kernel], only_in_step_1, SparsityTarget(0.8))
    watch = Watch(kernel)

    model.fit(*images(), batch_size=50, verbose=0, callbacks=[prune, watch])

    assert watch.before == [0.8] * 4
    assert max(watch.after) < 0.8  # Each step changes pruned weights.
    assert sparsity(kernel) == 0.8

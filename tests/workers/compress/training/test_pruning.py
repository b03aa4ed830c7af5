from typing import Any

import pytest
import tf_keras

from pytest_modelbudget.workers.compress.training import pruning
from pytest_modelbudget.workers.compress.training.sparsity_target import SparsityTarget
from tests.workers.compress.trainees import images, perceptron

pytestmark = [
    pytest.mark.tensorflow,
    # tfmot still imports distutils.
    pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning"),
]


def sparsity(kernel: Any) -> float:
    return float((kernel.numpy() == 0).mean())


def watch(kernel: Any) -> Any:
    """Return a callback that notes the sparsity of ``kernel`` before and after each step."""

    class Watch(tf_keras.callbacks.Callback):  # type: ignore[misc]
        before: list[float] = []  # noqa: RUF012 (there is one instance)
        after: list[float] = []  # noqa: RUF012

        def on_train_batch_begin(self, _batch: int, _logs: Any = None) -> None:
            self.before.append(sparsity(kernel))

        def on_train_batch_end(self, _batch: int, _logs: Any = None) -> None:
            self.after.append(sparsity(kernel))

    return Watch()


def test_pruned_weights_are_zero_in_every_step_between_two_updates_of_the_masks() -> None:
    import tensorflow_model_optimization as tfmot

    model = perceptron()
    kernel = model.get_layer("dense").kernel
    only_in_step_1 = tfmot.sparsity.keras.ConstantSparsity(0.8, begin_step=1, frequency=100)
    prune = pruning.PruneByMagnitude([kernel], only_in_step_1, SparsityTarget(0.8))
    found = watch(kernel)

    model.fit(*images(), batch_size=50, verbose=0, callbacks=[prune, found])

    assert found.before == [0.8] * 4
    assert max(found.after) < 0.8  # Each step changes pruned weights.
    assert sparsity(kernel) == 0.8

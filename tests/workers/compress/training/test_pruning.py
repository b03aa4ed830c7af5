from typing import Any

import numpy as np
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


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize(
    ("shape", "wanted", "zeros"),
    [
        ((3, 3, 1, 16), 0.8, 116),  # 115.2 of 144
        ((1000,), 0.8, 800),
        ((1000,), 0.9, 900),
        ((30,), 0.7, 21),
        ((4,), 0.9, 3),  # one weight stays
        ((40,), 0.0, 0),
    ],
)
def test_every_zero_is_made_while_the_other_weights_can_adapt(
    shape: tuple[int, ...], wanted: float, zeros: int, alike: bool
) -> None:
    import tensorflow as tf
    import tensorflow_model_optimization as tfmot

    values = np.ones(shape) if alike else np.random.default_rng(0).normal(size=shape)
    kernel = tf.Variable(values.astype(np.float32))
    schedule = tfmot.sparsity.keras.ConstantSparsity(wanted, begin_step=1, frequency=1)
    prune = pruning.PruneByMagnitude([kernel], schedule, SparsityTarget(wanted))

    prune.on_train_batch_begin(0)

    assert int((kernel.numpy() == 0).sum()) == zeros
    smallest = np.argsort(np.abs(values.ravel()))[:zeros]
    assert alike or not kernel.numpy().ravel()[smallest].any()


@pytest.mark.parametrize(
    ("shape", "target", "zeros", "expected"),
    [
        ((24, 16), SparsityTarget(0.8), 307, 308),  # 307.2 of 384
        ((24, 16), SparsityTarget(0.8), 305, 308),
        ((24, 16), SparsityTarget(0.8), 308, 308),
        ((24, 16), SparsityTarget(0.8), 320, 320),  # more zeros of an earlier stage stay
        ((24, 16), SparsityTarget(0.8), 200, 200),  # it was not trained for more
        ((3, 3, 2, 5), SparsityTarget(0.7), 62, 63),
        ((4,), SparsityTarget(0.9), 3, 3),  # one weight stays
        ((8, 16), SparsityTarget(0.5, pattern=(2, 4)), 10, 10),
    ],
)
def test_the_last_zeros_are_those_of_the_smallest_weights(
    shape: tuple[int, ...], target: SparsityTarget, zeros: int, expected: int
) -> None:
    weight = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    flat = weight.reshape(-1)
    order = np.argsort(np.abs(flat))
    flat[order[:zeros]] = 0
    completed = target.complete(weight)
    assert completed.dtype == np.float32
    assert int((completed == 0).sum()) == expected
    assert not completed.reshape(-1)[order[:expected]].any()
    np.testing.assert_array_equal(completed.reshape(-1)[order[expected:]], flat[order[expected:]])


def test_the_last_zeros_come_in_blocks() -> None:
    target = SparsityTarget(0.3, block=(2, 4))  # 2.4 of 8 blocks
    weight = np.arange(1, 65, dtype=np.float32).reshape(8, 8)
    weight[0:2, 0:4] = weight[0:2, 4:8] = 0
    completed = target.complete(weight)
    assert target.measure(completed) == 3 / 8
    assert not completed[2:4, 0:4].any()
    assert completed[2:4, 4:8].all()

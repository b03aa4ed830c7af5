"""Preserves the zeros and clusters of earlier stages while a model is trained further.

After each step the weights are projected back: a pruned weight to zero, the weights of a cluster
to their mean. tfmot's own preserving quantization schemes are not used, because they do not keep
what earlier stages made: 1x1 convolutions become zero
(https://github.com/tensorflow/model-optimization/issues/979), clusters vanish
(https://github.com/tensorflow/model-optimization/issues/1056), and pruned weights drift
(https://github.com/tensorflow/model-optimization/pull/721).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from pytest_modelbudget.budgetfile.stages import Cluster, Prune, Stage
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models.keras_types import Variable

Weights = NDArray[np.float32]


class Preserve(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that preserves the zeros and clusters that weights have when it is made.

    Args:
        variables: The trained variables; those with less than two axes, such as biases, may change.
        before: The stages before: zeros are kept after ``prune``, clusters after ``cluster``.
    """

    def __init__(self, variables: Iterable[Variable], before: Sequence[Stage]) -> None:
        super().__init__()
        clusters = max((each.clusters for each in before if isinstance(each, Cluster)), default=0)
        pruned = any(isinstance(each, Prune) for each in before)
        kernels = [variable for variable in variables if len(variable.shape) > 1]
        self._zeros = [
            (kernel, zeros) for kernel in kernels if pruned and (zeros := kernel.numpy() == 0).any()
        ]
        self._clusters = [
            (kernel, labels)
            for kernel in kernels
            if clusters and (labels := _cluster_labels(kernel.numpy(), clusters)) is not None
        ]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Project all kernels back."""
        for kernel, labels in self._clusters:
            kernel.assign(_means(kernel.numpy(), labels))
        for kernel, zeros in self._zeros:
            kernel.assign(np.where(zeros, np.float32(0), kernel.numpy()))

    def check(self, stage: str) -> None:
        """Verify that the trained weights still have the zeros and clusters.

        Raises:
            JobError: If they do not; the error names ``stage`` and the weights.
        """
        for kernel, zeros in self._zeros:
            if refilled := np.count_nonzero(kernel.numpy()[zeros]):
                cause = f"{stage}: {refilled} pruned weights of {kernel.name} are no longer zero"
                raise JobError(cause, "report this as a bug, with the log")
        for kernel, labels in self._clusters:
            weights = kernel.numpy()
            if strays := np.count_nonzero(weights != _means(weights, labels)):
                cause = f"{stage}: {strays} weights of {kernel.name} are no longer clustered"
                raise JobError(cause, "report this as a bug, with the log")


def unique_values(weights: Weights) -> int:
    """Return the number of different values in an array; -0 and 0 are equal."""
    return len(np.unique(weights))


def _cluster_labels(weights: Weights, clusters: int) -> NDArray[np.intp] | None:
    """Number the clusters: of the whole kernel, or else of each output channel.

    Returns:
        The number of each weight's cluster, in the shape of the kernel; None if the kernel and a
        channel have more than ``clusters`` values.
    """
    values, labels = np.unique(weights, return_inverse=True)
    if len(values) <= clusters:
        return labels.reshape(weights.shape)
    channels = [weights[..., channel] for channel in range(weights.shape[-1])]
    numbered = [np.unique(channel, return_inverse=True) for channel in channels]
    if max(len(values) for values, _ in numbered) > clusters:
        return None
    firsts = np.cumsum([0, *(len(values) for values, _ in numbered[:-1])])
    parts = [
        first + labels.reshape(weights.shape[:-1])
        for first, (_, labels) in zip(firsts, numbered, strict=True)
    ]
    return np.stack(parts, axis=-1)


def _means(weights: Weights, labels: NDArray[np.intp]) -> Weights:
    flat = labels.ravel()
    means = np.bincount(flat, weights.ravel()) / np.bincount(flat)
    return means.astype(weights.dtype)[labels]

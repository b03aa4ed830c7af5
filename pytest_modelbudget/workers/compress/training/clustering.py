"""Clusters the weights of layers while a model trains, so that they share a few values.

The weights share values as in Deep Compression (Han et al. 2016, arXiv:1510.00149), and tfmot
computes the first centroids. The wrapper layers of tfmot are not used: they drop ``training=`` and
Keras masks, and they skip convolutions without a bias when clustering per channel.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray
from tensorflow_model_optimization.python.core.clustering.keras.cluster_config import (
    CentroidInitialization,
)
from tensorflow_model_optimization.python.core.clustering.keras.clustering_centroids import (
    CentroidsInitializerFactory,
)
from tensorflow_model_optimization.python.core.clustering.keras.clustering_registry import (
    ClusteringRegistry,
)

from pytest_modelbudget.budgetfile.stages import Cluster
from pytest_modelbudget.workers.compress.models.keras_types import Layer, Variable
from pytest_modelbudget.workers.compress.training.preserve import Weights

_INITS = {
    "linear": CentroidInitialization.LINEAR,
    "random": CentroidInitialization.RANDOM,
    "density": CentroidInitialization.DENSITY_BASED,
    "kmeans++": CentroidInitialization.KMEANS_PLUS_PLUS,
}
_MAX_ITERATIONS = 50
# The last axis of their kernels is the output channel.
_PER_CHANNEL = (tf_keras.layers.Conv1D, tf_keras.layers.Conv2D, tf_keras.layers.Conv3D)


def clusterable_weights(layer: Layer) -> list[Variable]:
    """Return the variables of a layer that tfmot clusters; none if tfmot does not support it."""
    if not layer.trainable_weights or not ClusteringRegistry.supports(layer):
        return []
    weights = ClusteringRegistry.make_clusterable(layer).get_clusterable_weights()
    return [weight for _, weight in weights]


def units(layer: Layer, weights: Weights, per_channel: bool) -> list[Weights]:
    """Return views of the weights that are clustered separately.

    Returns:
        The whole array, or with ``per_channel`` each output channel of a convolution.
    """
    if per_channel and type(layer) in _PER_CHANNEL:
        return [weights[..., channel] for channel in range(weights.shape[-1])]
    return [weights]


class ClusterWeights(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that keeps weights clustered during training; its constructor clusters them.

    Args:
        layers: The layers; all of their weights that tfmot supports are clustered.
        stage: The number of clusters, whether they are per channel, and the initial centroids.
        keep_zeros: Whether zeros stay zero and other weights do not become zero. Zero then is
            one of the clusters.
    """

    def __init__(self, layers: Iterable[Layer], stage: Cluster, keep_zeros: bool) -> None:
        super().__init__()
        self._per_channel = stage.per_channel
        self._kernels = []
        for layer in layers:
            for kernel in clusterable_weights(layer):
                views = units(layer, kernel.numpy(), stage.per_channel)
                clusters = [_Clusters(view, stage, keep_zeros) for view in views]
                self._kernels.append((layer, kernel, clusters))
        self._share()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Move the centroids by the mean step of their weights, and share the values again."""
        for layer, kernel, clusters in self._kernels:
            views = units(layer, kernel.numpy(), self._per_channel)
            for each, view in zip(clusters, views, strict=True):
                each.follow(view)
        self._share()

    def _share(self) -> None:
        for layer, kernel, clusters in self._kernels:
            weights = kernel.numpy()
            views = units(layer, weights, self._per_channel)
            for each, view in zip(clusters, views, strict=True):
                each.write(view)
            kernel.assign(weights)


class _Clusters:
    """Weights that share values.

    A hidden copy of each weight follows its own gradient, so that a weight can change its cluster.
    """

    def __init__(self, weights: Weights, stage: Cluster, keep_zeros: bool) -> None:
        self._free = weights != 0 if keep_zeros else np.ones(weights.shape, bool)
        self._hidden = weights[self._free]
        self._centroids = np.unique(self._hidden)
        if len(np.unique(weights)) > stage.clusters:
            first = _first_centroids(weights, stage, keep_zeros)
            self._centroids = _k_means(self._hidden, first)
        self._labels = _nearest(self._hidden, self._centroids)

    def follow(self, weights: Weights) -> None:
        """Move the hidden weights by the step that the shared values took."""
        steps = weights[self._free] - self._centroids[self._labels]
        self._hidden += steps
        self._centroids = np.sort(self._centroids + _means(steps, self._labels, self._centroids))
        self._labels = _nearest(self._hidden, self._centroids)

    def write(self, weights: Weights) -> None:
        """Overwrite weights with the values that they share."""
        weights[...] = 0
        weights[self._free] = self._centroids[self._labels]


def _first_centroids(weights: Weights, stage: Cluster, keep_zeros: bool) -> Weights:
    initializer = CentroidsInitializerFactory.get_centroid_initializer(_INITS[stage.init])
    made = initializer(tf.constant(weights), stage.clusters, preserve_sparsity=keep_zeros)
    centroids: Weights = np.unique(made.get_cluster_centroids().numpy())
    return centroids[centroids != 0] if keep_zeros else centroids


def _k_means(values: Weights, centroids: Weights) -> Weights:
    """Move sorted centroids to the means of their clusters until they no longer change."""
    for _ in range(_MAX_ITERATIONS):
        labels = _nearest(values, centroids)
        moved = centroids + _means(values - centroids[labels], labels, centroids)
        if np.array_equal(moved, centroids):
            break
        centroids = moved
    return centroids


def _nearest(values: Weights, centroids: Weights) -> NDArray[np.intp]:
    return np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values)


def _means(values: Weights, labels: NDArray[np.intp], centroids: Weights) -> Weights:
    """Return the mean of each centroid's values, or 0 if it has none."""
    counts = np.bincount(labels, minlength=len(centroids))
    sums = np.bincount(labels, values, minlength=len(centroids))
    return (sums / np.maximum(counts, 1)).astype(np.float32)

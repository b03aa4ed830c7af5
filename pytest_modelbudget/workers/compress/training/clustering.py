"""Holds the weights of layers at a few shared values while a model trains.

The first centroids are tfmot's. Its wrapper layers are not used: they drop ``training=`` and
Keras masks, and skip convolutions without a bias when clustering per channel.
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
from pytest_modelbudget.workers.compress.training.preserve import Weights
from pytest_modelbudget.workers.compress.training.selections import Layer

_INITS = {
    "linear": CentroidInitialization.LINEAR,
    "random": CentroidInitialization.RANDOM,
    "density": CentroidInitialization.DENSITY_BASED,
    "kmeans++": CentroidInitialization.KMEANS_PLUS_PLUS,
}
_MAX_ITERATIONS = 50
# Their kernels have the output channel as the last axis.
_PER_CHANNEL = (tf_keras.layers.Conv1D, tf_keras.layers.Conv2D, tf_keras.layers.Conv3D)


def clusterable_weights(layer: Layer) -> list[Any]:
    """Return the variables of a layer that tfmot clusters; none if it does not know the layer."""
    if not layer.trainable_weights or not ClusteringRegistry.supports(layer):
        return []
    weights = ClusteringRegistry.make_clusterable(layer).get_clusterable_weights()
    return [weight for _, weight in weights]


def units(layer: Layer, weights: Weights, per_channel: bool) -> list[Weights]:
    """Return views of what is clustered on its own: the whole array, or each output channel."""
    if per_channel and type(layer) in _PER_CHANNEL:
        return [weights[..., channel] for channel in range(weights.shape[-1])]
    return [weights]


class ClusterWeights(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """A callback for training; the weights are clustered as soon as it is made.

    Args:
        layers: All their weights that tfmot clusters are.
        stage: How many clusters there are, over what, and where their centroids begin.
        keep_zeros: Zeros stay zero, and nothing else becomes zero; they are one of the clusters.
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
        """Let clusters follow the step that each of their weights took."""
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
    """Weights that share values. Each goes its own way unseen, and may change its cluster."""

    def __init__(self, weights: Weights, stage: Cluster, keep_zeros: bool) -> None:
        self._free = weights != 0 if keep_zeros else np.ones(weights.shape, bool)
        self._unseen = weights[self._free]
        self._centroids = np.unique(self._unseen)
        if len(np.unique(weights)) > stage.clusters:
            first = _first_centroids(weights, stage, keep_zeros)
            self._centroids = _k_means(self._unseen, first)
        self._labels = _nearest(self._unseen, self._centroids)

    def follow(self, weights: Weights) -> None:
        """Move the unseen weights by the step that training took from the shared values."""
        steps = weights[self._free] - self._centroids[self._labels]
        self._unseen += steps
        self._centroids = np.sort(self._centroids + _means(steps, self._labels, self._centroids))
        self._labels = _nearest(self._unseen, self._centroids)

    def write(self, weights: Weights) -> None:
        """Replace weights, in place, by the values that they share."""
        weights[...] = 0
        weights[self._free] = self._centroids[self._labels]


def _first_centroids(weights: Weights, stage: Cluster, keep_zeros: bool) -> Weights:
    initializer = CentroidsInitializerFactory.get_centroid_initializer(_INITS[stage.init])
    made = initializer(tf.constant(weights), stage.clusters, preserve_sparsity=keep_zeros)
    centroids: Weights = np.unique(made.get_cluster_centroids().numpy())
    return centroids[centroids != 0] if keep_zeros else centroids


def _k_means(values: Weights, centroids: Weights) -> Weights:
    """Move sorted centroids to the means of their clusters until they rest."""
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

"""One recipe by hand, as the tutorials of tfmot do it; ``shared_stages`` runs it.

Run ``python -m benchmarks.tutorial RECIPE``, one of those in ``budgets/shared_stages.budget.yaml``.
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras
from tensorflow_model_optimization.python.core.clustering.keras.experimental import (
    cluster as experimental,
)

from benchmarks.reference import data, model
from benchmarks.reference.model import BATCH_SIZE

Model = Any
PRUNE_EPOCHS, CLUSTER_EPOCHS, QAT_EPOCHS = 4, 2, 2
X, Y = data.train()


def prune(trained: Model) -> Model:
    steps = PRUNE_EPOCHS * (len(X) // BATCH_SIZE)
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, 0.8, 0, steps * 3 // 4, frequency=10)
    pruned = tfmot.sparsity.keras.prune_low_magnitude(trained, pruning_schedule=schedule)
    fit(pruned, PRUNE_EPOCHS, 1e-3, [tfmot.sparsity.keras.UpdatePruningStep()])
    return tfmot.sparsity.keras.strip_pruning(pruned)


def cluster(pruned: Model) -> Model:
    clustered = experimental.cluster_weights(
        pruned,
        number_of_clusters=16,
        cluster_centroids_init=tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS,
        preserve_sparsity=True,
    )
    fit(clustered, CLUSTER_EPOCHS, 1e-3)
    return tfmot.clustering.keras.strip_clustering(clustered)


def quantize_aware(pruned: Model) -> Model:
    """Quantize but the batch normalization, which tfmot refuses after a pooling."""

    def annotate(layer: Any) -> Any:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            return layer
        return tfmot.quantization.keras.quantize_annotate_layer(layer)

    annotated = tf_keras.models.clone_model(pruned, clone_function=annotate)
    annotated.set_weights(pruned.get_weights())
    scheme = tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme()
    quantized = tfmot.quantization.keras.quantize_apply(annotated, scheme)
    fit(quantized, QAT_EPOCHS, 1e-4)
    return quantized


def fit(trained: Model, epochs: int, rate: float, callbacks: Iterable[Any] = ()) -> None:
    trained.compile(tf_keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    trained.fit(X, Y, BATCH_SIZE, epochs, verbose=0, callbacks=list(callbacks))


def convert(trained: Model, *, optimize: bool = False, calibrate: bool = False) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(trained)
    if optimize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if calibrate:
        converter.representative_dataset = lambda: ([sample[None]] for sample in X[:128])
    converted: bytes = converter.convert()
    return converted


def int8(trained: Model) -> bytes:
    return convert(trained, optimize=True, calibrate=True)


RECIPES: dict[str, Callable[[Model], bytes]] = {
    "prune": lambda trained: convert(prune(trained)),
    "prune_int8": lambda trained: int8(prune(trained)),
    "prune_cluster": lambda trained: convert(cluster(prune(trained))),
    "prune_cluster_int8": lambda trained: int8(cluster(prune(trained))),
    "prune_qat": lambda trained: convert(quantize_aware(prune(trained)), optimize=True),
}


if __name__ == "__main__":
    (_, recipe) = sys.argv
    print(f"{recipe}: {len(RECIPES[recipe](model.trained())):,} B")

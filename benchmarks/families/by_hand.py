"""The same recipes as the tutorials of tfmot and of TensorFlow's converter do them.

They train for as many epochs as the stages do by default.

``python -m benchmarks.families.by_hand FAMILY MODEL RECIPE...`` prints the bytes and the score for
each recipe, or why there are none.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.families.models import FAMILIES, TEST, TRAIN, Family
from pytest_modelbudget.budgetfile.stages import Cluster, Prune, QuantizeAware

Array = NDArray[Any]
SCHEMES = ("float32", "dynamic", "float16", "int8", "int16x8")
EPOCHS = {"prune": Prune().epochs, "cluster": Cluster().epochs, "qat": QuantizeAware().epochs}
TRAINED = tuple(EPOCHS)
CALIBRATION, BATCH_SIZE = 128, 32


def bytes_by_hand(family: str, recipe: str, path: Path) -> bytes:
    """Return the ``.tflite`` of the trained Keras 3 model at ``path``.

    Raises:
        Exception: Whatever TensorFlow or tfmot raises.
    """
    import keras

    model = keras.saving.load_model(path)
    if recipe in SCHEMES:
        return _convert(model, recipe, FAMILIES[family].samples(TRAIN)[0])
    scheme = "dynamic" if recipe == "qat" else "float32"  # the tutorial of QAT optimizes, too
    return _convert(_fine_tuned(FAMILIES[family], recipe, model), scheme, None)


def score_by_hand(family: str, tflite: bytes) -> float:
    """Return the metric of a ``.tflite`` over the test data, one sample at a time."""
    from ai_edge_litert.interpreter import Interpreter

    x, y = FAMILIES[family].samples(TEST)
    runner = Interpreter(model_content=tflite).get_signature_runner()
    inputs = runner.get_input_details()
    given = x if isinstance(x, Mapping) else {next(iter(inputs)): x}
    outputs = [
        runner(**{name: given[name][index : index + 1] for name in inputs}) for index in range(TEST)
    ]
    name = "box" if family == "detection" else next(iter(outputs[0]))
    return _score(FAMILIES[family].metric, np.concatenate([each[name] for each in outputs]), y)


def _score(metric: str, outputs: Array, y: Array) -> float:
    if metric == "accuracy":
        return float(np.mean(outputs.argmax(-1) == y))
    if metric == "auc":
        from sklearn.metrics import roc_auc_score

        return float(roc_auc_score(y.ravel(), outputs.ravel()))
    return float(np.mean((outputs - y) ** 2))


def _convert(model: Any, scheme: str, x: Any) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if scheme != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if scheme in ("int8", "int16x8"):
        converter.representative_dataset = lambda: _samples(model, x)
    if scheme == "int16x8":
        int16 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [int16, tf.lite.OpsSet.TFLITE_BUILTINS]
    return bytes(converter.convert())


def _samples(model: Any, x: Any) -> Any:
    arrays = [x[each.name] for each in model.inputs] if isinstance(x, Mapping) else [x]
    for index in range(CALIBRATION):
        yield [array[index : index + 1] for array in arrays]


def _fine_tuned(family: Family, recipe: str, model: Any) -> Any:
    """Return the same model in tf_keras, after one technique of tfmot, without wrappers."""
    import tensorflow_model_optimization as tfmot
    import tf_keras

    twin = family.build(tf_keras)
    twin.set_weights(model.get_weights())
    twin._name = model.name  # it is part of each name in the file
    callbacks = []
    if recipe == "prune":
        steps = EPOCHS[recipe] * TRAIN // BATCH_SIZE
        schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, 0.8, 0, steps * 3 // 4, frequency=1)
        wrapped = tfmot.sparsity.keras.prune_low_magnitude(twin, schedule)
        callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]
    elif recipe == "cluster":
        start = tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS
        wrapped = tfmot.clustering.keras.cluster_weights(twin, 16, start)
    else:
        wrapped = tfmot.quantization.keras.quantize_model(twin)
    wrapped.compile(tf_keras.optimizers.Adam(1e-3), family.loss)
    x, y = family.samples(TRAIN)
    wrapped.fit(x, y, BATCH_SIZE, EPOCHS[recipe], verbose=0, callbacks=callbacks)
    if recipe == "prune":
        return tfmot.sparsity.keras.strip_pruning(wrapped)
    if recipe == "cluster":
        return tfmot.clustering.keras.strip_clustering(wrapped)
    return wrapped


def main() -> None:
    """Print what the command line names, a line of JSON for each recipe."""
    family, path, *recipes = sys.argv[1:]
    for recipe in recipes:
        try:
            tflite = bytes_by_hand(family, recipe, Path(path))
            found: dict[str, Any] = {"size_bytes": len(tflite)}
            found["score"] = score_by_hand(family, tflite)
        except Exception as error:  # whatever TensorFlow or tfmot raises is an outcome
            found = {"failed": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps({"recipe": recipe, **found}), flush=True)


if __name__ == "__main__":
    main()

"""Makes, saves, loads and converts models with emulated quantization."""

import json
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import h5py
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras
from tensorflow_model_optimization.python.core.quantization.keras.quantize_layer import (
    QuantizeLayer,
)
from tensorflow_model_optimization.python.core.quantization.keras.quantizers import (
    MovingAverageQuantizer,
)

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.convert import tf_converter
from pytest_modelbudget.workers.compress.keras3.hosted import Hosted
from pytest_modelbudget.workers.compress.models.formats import QUANTIZED_MODEL
from pytest_modelbudget.workers.compress.models.keras_graph import rebuild
from pytest_modelbudget.workers.compress.models.keras_types import Layer, Model
from pytest_modelbudget.workers.compress.models.sources import keras_layers
from pytest_modelbudget.workers.compress.training.qat_layers import quantize_config
from pytest_modelbudget.workers.tflite.layers import find_operators
from pytest_modelbudget.workers.tflite.tflite_file import operators, parse, tensor_type

_WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}


def quantize(model: Model, chosen: Collection[str]) -> Model:
    """Wrap layers so that they compute as LiteRT will with int8.

    Args:
        model: A functional tf_keras model without nested models. It must not be used afterwards,
            because the result shares its layers.
        chosen: The names of the layers.

    Returns:
        A model whose layers, inputs and outputs have the same names.
    """
    quantized: dict[int, Any] = {}
    annotated: dict[str, Layer] = {}

    def quantize_input(tensor: Any) -> Any:
        """Quantize the output of a float layer before an integer layer, which would stay float."""
        layer, *index = tensor._keras_history
        if _is_annotated(layer) or isinstance(layer, tf_keras.layers.InputLayer):
            return tensor
        if id(tensor) not in quantized:
            quantizer = MovingAverageQuantizer(
                8, per_axis=False, symmetric=False, narrow_range=False
            )
            name = "_".join(map(str, (layer.name, *index, "quantized")))
            quantized[id(tensor)] = QuantizeLayer(quantizer, name=name)(tensor)
        return quantized[id(tensor)]

    def call(layer: Layer, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name not in chosen:
            return layer(*args, **kwargs)
        if name not in annotated:
            annotated[name] = tfmot.quantization.keras.quantize_annotate_layer(
                layer, quantize_config(layer)
            )
        # The inputs and the output of a concatenation must have the same range.
        if not isinstance(layer, tf_keras.layers.Concatenate):
            args = tf.nest.map_structure(quantize_input, args)
        return annotated[name](*args, **kwargs)

    tf_keras.backend.reset_uids()  # The names of tfmot's layers must not depend on earlier models.
    with tfmot.quantization.keras.quantize_scope():
        return tfmot.quantization.keras.quantize_apply(
            rebuild(model, call), quantized_layer_name_prefix=""
        )


def save_quantized(model: Model, output: Path) -> None:
    """Write a model that ``quantize`` made to the folder ``output``."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
        model.save(output / QUANTIZED_MODEL, include_optimizer=False)


def load_quantized(folder: Path) -> Model:
    """Load what ``save_quantized`` wrote, ready for ``convert_quantized``.

    ``tf_keras.models.load_model`` cannot: for an HDF5 file it reads the format that Keras had
    before 2.13, in which registered functions, such as the activations that only Keras 3 has, have
    another form than in the file.
    """
    path = folder / QUANTIZED_MODEL
    with h5py.File(path) as file:
        described = json.loads(file.attrs["model_config"], object_hook=_unbuilt)
    with tfmot.quantization.keras.quantize_scope({"pytest_modelbudget>Hosted": Hosted}):
        model = tf_keras.Model.from_config(described["config"])
    model.load_weights(path)
    return model


def _unbuilt(config: dict[str, Any]) -> dict[str, Any]:
    """Remove the shapes with which tf_keras would build a layer before its first call.

    The call builds tfmot's wrappers again, with their variables twice:
    https://github.com/tensorflow/model-optimization/pull/1123
    """
    return {key: value for key, value in config.items() if key != "build_config"}


def convert_quantized(model: Model) -> bytes:
    """Convert a model that ``quantize`` made to a ``.tflite`` with float inputs and outputs.

    Raises:
        JobError: As ``tf_converter.convert``, or if a quantized layer is float in the result.
    """

    def configure(converter: Any, _inputs: Any) -> None:
        # Without it, the emulated quantization is converted to float operators.
        converter.optimizations = [tf.lite.Optimize.DEFAULT]

    with warnings.catch_warnings():
        # The warning appears for every such model, although the ranges are in the graph.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected")
        converted = tf_converter.convert_with(model, configure)
    _check_integers(converted, model)
    return converted


def _check_integers(converted: bytes, model: Model) -> None:
    """Raise an error for a quantized layer that the converter silently left in float."""
    quantized = {layer.name for layer in model.layers if getattr(layer, "_weight_vars", ())}
    parsed = parse(converted)
    for found, (operator, graph) in zip(
        find_operators(parsed, keras_layers(model)), operators(parsed), strict=True
    ):
        # By its path: a custom layer may have an inner layer of the same name. The path begins with
        # the name of the model only where a layer has that name, too.
        stayed = quantized.intersection(path.removeprefix(f"{model.name}/") for path in found.paths)
        types = [tensor_type(graph.tensors[index]) for index in operator.inputs[:2]]
        if found.name in _WEIGHTED and "float32" in types and stayed:
            name = min(stayed)
            raise JobError(
                f"quantize_aware: layer {name} is still float32 in the .tflite",
                f"skip it with layers: {{skip: [{name}]}}",
            )


def _is_annotated(layer: Layer) -> bool:
    return type(layer).__name__ == "QuantizeAnnotate"

"""Builds a model with fewer channels, and verifies its outputs."""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.channels.rank import Keep
from pytest_modelbudget.workers.compress.channels.rules import kernel_of
from pytest_modelbudget.workers.compress.channels.trace import Trace
from pytest_modelbudget.workers.compress.models.keras_inputs import random_inputs
from pytest_modelbudget.workers.compress.models.keras_types import Layer, Model, Variable
from pytest_modelbudget.workers.tflite.compare import first_difference
from pytest_modelbudget.workers.userdata.datasets import Array

_TOLERANCE = 1e-3  # of the largest value of an output: sums are rounded in another order


def remove_channels(model: Model, trace: Trace, keep: Keep) -> Model:
    """Return a copy of ``model`` without the removed channels.

    Args:
        model: A functional or Sequential tf_keras model.
        trace: The channels of ``model``.
        keep: For each channel whether it stays.

    Returns:
        A model with the same graph and names of layers and with smaller weights, not compiled.
    """

    def resized(layer: Layer) -> Layer:
        config = layer.get_config()
        if layer.name in trace.makers:
            kernel = kernel_of(layer)
            assert kernel is not None, "only layers with such a kernel make channels"
            config[kernel.size] = int(keep[trace.makers[layer.name].channels].sum())
        if layer.name in trace.reshaped:
            *sizes, _ = layer.output_shape[1:]
            config["target_shape"] = (*sizes, int(keep[trace.reshaped[layer.name]].sum()))
        return type(layer).from_config(config)

    smaller = tf_keras.models.clone_model(model, clone_function=resized)
    for layer in model.layers:
        weights = [_cut(weight, trace, keep) for weight in layer.weights]
        smaller.get_layer(layer.name).set_weights(weights)
    return smaller


def verify_removal(model: Model, smaller: Model, trace: Trace, keep: Keep) -> None:
    """Compare the smaller model with ``model`` when no layer of it reads the removed channels.

    Args:
        model: The model before; it is not changed.
        smaller: The model that ``remove_channels`` returned.
        trace: The channels of ``model``.
        keep: For each channel whether it stays.

    Raises:
        JobError: if the outputs differ.
    """
    whole = {layer.name: layer.get_weights() for layer in model.layers}
    for layer in model.layers:
        layer.set_weights([_unread(weight, trace, keep) for weight in layer.weights])
    inputs = random_inputs(model)
    expected = _outputs(model, inputs)
    for layer in model.layers:
        layer.set_weights(whole[layer.name])
    # NaN in both models is no difference here: the training reports it, with a hint.
    if different := first_difference(expected, _outputs(smaller, inputs), _TOLERANCE):
        name, difference = different
        raise JobError(
            f"without the removed channels the output {name} differs by {difference:.2g} of the "
            "largest value",
            "this is a bug in prune_channels: report it, and leave the stage out",
        )


def _cut(weight: Variable, trace: Trace, keep: Keep) -> Any:
    values = weight.numpy()
    for marked in trace.axes(weight):
        values = np.compress(keep[marked.channels], values, marked.axis)
    return values


def _unread(weight: Variable, trace: Trace, keep: Keep) -> Any:
    """Return a weight with zeros where it would be multiplied by a removed channel."""
    values = weight.numpy()
    for marked in trace.axes(weight):
        if marked.reads:
            behind = values.ndim - marked.axis - 1
            values = values * keep[marked.channels].reshape(-1, *(1,) * behind)
    return values


def _outputs(model: Model, inputs: Any) -> dict[str, Array]:
    outputs = tf.nest.flatten(model(inputs, training=False))
    return {name: output.numpy() for name, output in zip(model.output_names, outputs, strict=True)}

"""Builds a model with fewer channels, and proves that it computes what it should."""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.channels.rank import Keep
from pytest_modelbudget.workers.compress.channels.rules import kernel_of
from pytest_modelbudget.workers.compress.channels.trace import Layer, Model, Trace, Variable
from pytest_modelbudget.workers.compress.models.keras_inputs import random_inputs

TOLERANCE = 1e-3  # of the largest output: float32 sums in another order, layer after layer


def rebuild(model: Model, trace: Trace, keep: Keep) -> Model:
    """Return a copy of ``model`` without the channels that do not stay.

    Args:
        model: A functional or Sequential tf_keras model.
        trace: Its channels.
        keep: For each channel whether it stays.

    Returns:
        A dense model with the same layer names and graph, the weights cut to fit, not compiled.
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


def prove(model: Model, smaller: Model, trace: Trace, keep: Keep) -> None:
    """Check that the smaller model computes what the larger does if the rest is not read.

    Args:
        model: The model before; it is left as it was.
        smaller: What ``rebuild`` made of it.
        trace: The channels of ``model``.
        keep: For each channel whether it stays.

    Raises:
        JobError: The outputs differ.
    """
    whole = {layer.name: layer.get_weights() for layer in model.layers}
    for layer in model.layers:
        layer.set_weights([_unread(weight, trace, keep) for weight in layer.weights])
    inputs = random_inputs(model)
    expected = _outputs(model, inputs)
    for layer in model.layers:
        layer.set_weights(whole[layer.name])
    for name, wanted, found in zip(
        model.output_names, expected, _outputs(smaller, inputs), strict=True
    ):
        largest = np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
        # NaN is told by the training, with what to do about it.
        if not np.allclose(found, wanted, rtol=0, atol=TOLERANCE * largest, equal_nan=True):
            difference = np.nanmax(np.abs(wanted - found))
            raise JobError(
                f"without the removed channels the output {name} differs by up to "
                f"{difference:.3g}, with values of at most {largest:.3g}",
                "this is a mistake in prune_channels: please report it, and leave the stage out",
            )


def _cut(weight: Variable, trace: Trace, keep: Keep) -> Any:
    values = weight.numpy()
    for marked in trace.axes(weight):
        values = np.compress(keep[marked.channels], values, marked.axis)
    return values


def _unread(weight: Variable, trace: Trace, keep: Keep) -> Any:
    """Return a weight with zeros wherever it would multiply a removed channel."""
    values = weight.numpy()
    for marked in trace.axes(weight):
        if marked.reads:
            behind = values.ndim - marked.axis - 1
            values = values * keep[marked.channels].reshape(-1, *(1,) * behind)
    return values


def _outputs(model: Model, inputs: Any) -> list[Any]:
    return [output.numpy() for output in tf.nest.flatten(model(inputs, training=False))]

"""Rebuilds the graph of a tf_keras model, layer call by layer call."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from pytest_modelbudget.workers.compress.models.keras_types import Layer, Model, Tensor

DEPTHWISE, ACTIVATION = "/depthwise", "/activation"
LayerCall = Callable[[Layer, str, tuple[Any, ...], dict[str, Any]], Any]
"""Called with a layer, its full name, and the arguments of one call; returns the outputs."""


def rebuild(model: Model, call: LayerCall) -> Model:
    """Build a model in which ``call`` makes each call of a layer, also in nested models.

    Args:
        model: A functional or Sequential tf_keras model.
        call: Makes a call of a layer; the name of a layer in a nested model is ``outer/inner``.

    Returns:
        A functional model with the same name, inputs and outputs.
    """
    inputs = [
        tf_keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
        for tensor, name in zip(model.inputs, model.input_names, strict=True)
    ]
    outputs = _run(model, inputs, "", call)
    return tf_keras.Model(
        tf.nest.pack_sequence_as(model.input, inputs),
        tf.nest.pack_sequence_as(model.output, outputs),
        name=model.name,
    )


def flatten(model: Model, splits: Callable[[Layer], bool]) -> Model:
    """Copy a model so that it has no nested models; their layers are named ``outer/inner``.

    tfmot cannot quantize nested models
    (https://github.com/tensorflow/model-optimization/issues/957), and it names the two halves of
    a separable convolution as other layers may be named. Here the depthwise half is named
    ``name/depthwise``, and the pointwise half keeps the name.

    Where a nested model is called with ``training=False``, its batch normalization becomes not
    trainable and its dropout is removed, because the copies are called without that argument.

    Args:
        model: A functional or Sequential tf_keras model.
        splits: Tells whether the activation of a layer becomes a layer of its own, which is named
            ``name/activation``.
    """
    copies: dict[int, list[Layer]] = {}

    def call(layer: Layer, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        infers = kwargs.get("training") is False
        if infers:
            del kwargs["training"]
            if isinstance(layer, tf_keras.layers.Dropout):
                return args[0]
        if id(layer) in copies:
            return _chain(copies[id(layer)], args, kwargs)
        made = list(_copies(layer, name, splits=splits(layer)))
        copies[id(layer)] = [copy for copy, _ in made]
        outputs = _chain(copies[id(layer)], args, kwargs)
        for copy, weights in made:
            copy.set_weights(weights)
            if infers and isinstance(copy, tf_keras.layers.BatchNormalization):
                copy.trainable = False
        return outputs

    return rebuild(model, call)


def _chain(layers: Sequence[Layer], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    outputs = layers[0](*args, **kwargs)
    for layer in layers[1:]:
        outputs = layer(outputs)
    return outputs


def _copies(layer: Layer, name: str, *, splits: bool) -> Iterator[tuple[Layer, list[Any]]]:
    """Yield the layers that replace a layer, with their weights."""
    config, weights = layer.get_config(), layer.get_weights()
    if splits:
        config["activation"] = "linear"
    if type(layer) is tf_keras.layers.SeparableConv2D:
        depthwise, pointwise = _halves(layer, config, name)
        yield from ((depthwise, weights[:1]), (pointwise, weights[1:]))
    else:
        yield type(layer).from_config({**config, "name": name}), weights
    if splits:
        yield tf_keras.layers.Activation(layer.activation, name=name + ACTIVATION), []


def _halves(layer: Layer, config: dict[str, Any], name: str) -> tuple[Layer, Layer]:
    """Return the depthwise and the pointwise convolution of a separable one."""
    same = ("strides", "padding", "depth_multiplier", "data_format", "dilation_rate")
    depthwise = tf_keras.layers.DepthwiseConv2D(
        config["kernel_size"],
        **{key: config[key] for key in same},
        use_bias=False,
        depthwise_regularizer=config["depthwise_regularizer"],
        trainable=layer.trainable,
        name=name + DEPTHWISE,
    )
    pointwise = tf_keras.layers.Conv2D(
        config["filters"],
        1,
        data_format=config["data_format"],
        activation=config["activation"],
        use_bias=config["use_bias"],
        kernel_regularizer=config["pointwise_regularizer"],
        bias_regularizer=config["bias_regularizer"],
        trainable=layer.trainable,
        name=name,
    )
    return depthwise, pointwise


def is_model(layer: Layer) -> bool:
    """Return whether a layer is a nested model."""
    return isinstance(layer, tf_keras.Model)


def _run(
    model: Model, inputs: Sequence[Tensor], prefix: str, call: LayerCall, infers: bool = False
) -> list[Tensor]:
    """Call the layers of a graph in order, as ``Functional._run_internal_graph`` of tf_keras."""
    uses = model._tensor_usage_count
    made = {
        str(id(tensor)): [given] * uses[str(id(tensor))]
        for tensor, given in zip(model.inputs, inputs, strict=True)
    }
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            args, kwargs = node.map_arguments(made)
            name = prefix + node.layer.name
            if infers:
                kwargs = {**kwargs, "training": False}
            if is_model(node.layer):
                nested_infers = kwargs.get("training") is False
                outputs: Any = _run(
                    node.layer, tf.nest.flatten(args), f"{name}/", call, nested_infers
                )
            else:
                outputs = call(node.layer, name, args, kwargs)
            for key, output in zip(node.flat_output_ids, tf.nest.flatten(outputs), strict=True):
                made[key] = [output] * uses[key]
    return [made[str(id(tensor))].pop() for tensor in model.outputs]

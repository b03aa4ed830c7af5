"""Tells which layers quantization-aware training supports in tfmot and in the converter."""

from typing import Any

import tf_keras
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantize_registry,
)
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit.default_8bit_quantize_configs import (  # noqa: E501
    Default8BitOutputQuantizeConfig,
)

from pytest_modelbudget.workers.compress.models.keras_types import Layer, Model
from pytest_modelbudget.workers.compress.models.sources import class_name

L = tf_keras.layers
_WITH_ACTIVATION = (L.Conv2D, L.Conv2DTranspose, L.Dense, L.DepthwiseConv2D, L.SeparableConv2D)
_REGISTRY = default_8bit_quantize_registry.Default8BitQuantizeRegistry()
# A layer with one of these activations gets integer weights; with swish they stay float.
_FUSED_ACTIVATIONS = {"linear", "relu", "softmax", "sigmoid", "tanh", "gelu"}
# LiteRT has one integer operator for each of these, and tfmot refuses to quantize them.
_UNKNOWN_TO_TFMOT = {"hard_silu", "leaky_relu"}
_ACTIVATIONS = _FUSED_ACTIVATIONS | {"relu6", "swish"} | _UNKNOWN_TO_TFMOT


def why_unsupported(layer: Layer, model: Model) -> str | None:
    """Return why a layer cannot be trained quantization-aware, or None if it can.

    Args:
        layer: A layer of ``model``.
        model: A functional tf_keras model without nested models.
    """
    if isinstance(layer, L.BatchNormalization):
        if not convolution_of(layer, model):
            return "batch normalization that does not follow a Conv2D"
    elif not _REGISTRY.supports(layer):
        return f"quantization-aware training does not support {class_name(layer)}"
    if hasattr(layer, "activation"):
        supported = _ACTIVATIONS if isinstance(layer, L.Activation) else _FUSED_ACTIVATIONS
        if reason := _why_not_activation(layer, supported):
            return reason
    if max(getattr(layer, "dilation_rate", (1,))) > 1:
        return "a dilated convolution, which stays float in LiteRT"
    if isinstance(layer, L.Dense) and len(layer.get_input_shape_at(0)) > 2:
        return "a Dense layer on more than two axes, which stays float in LiteRT"
    if _feeds_lstm(layer):
        return (
            "its output goes to an LSTM, and the converter fails on an LSTM with quantized inputs"
        )
    return None


def splits(layer: Layer, model: Model) -> bool:
    """Return whether a layer becomes integer only if its activation is a layer of its own.

    Not for an output of ``model``, which would get another name.

    Args:
        layer: A layer of ``model`` or of a model nested in it.
        model: A functional or Sequential tf_keras model.
    """
    is_split = type(layer) in _WITH_ACTIVATION and _activation(layer) not in _FUSED_ACTIVATIONS
    is_output = any(tensor._keras_history.layer is layer for tensor in model.outputs)
    return is_split and not is_output and layer.activity_regularizer is None


def quantize_config(layer: Layer) -> Any:
    """Return how tfmot quantizes a layer; None for its own choice."""
    is_unknown = type(layer) is L.Activation and _activation(layer) in _UNKNOWN_TO_TFMOT
    return Default8BitOutputQuantizeConfig() if is_unknown else None


def convolution_of(layer: Layer, model: Model) -> Layer | None:
    """Return the convolution that LiteRT fuses a batch normalization with, or None."""
    inbound = layer._inbound_nodes
    if len(inbound) != 1:
        return None
    before = inbound[0].inbound_layers
    if type(before) not in (L.Conv2D, L.DepthwiseConv2D):
        return None
    alone = len(before._inbound_nodes) == len(before._outbound_nodes) == 1
    is_output = any(tensor is before.output for tensor in model.outputs) if alone else True
    return before if alone and not is_output and _activation(before) == "linear" else None


def _feeds_lstm(layer: Layer) -> bool:
    """Return whether an LSTM gets the output of a layer, with no kernel in between.

    The converter makes an LSTM between integer layers an integer LSTM, and fails on its shared
    state: https://github.com/tensorflow/tensorflow/issues/40344
    """
    followers = [node.outbound_layer for node in layer._outbound_nodes]
    return any(
        isinstance(getattr(each, "layer", each), L.LSTM)  # or an LSTM in a Bidirectional
        or ((not each.weights or isinstance(each, L.BatchNormalization)) and _feeds_lstm(each))
        for each in followers
    )


def _why_not_activation(layer: Layer, supported: set[str]) -> str | None:
    name = _activation(layer)
    if name in supported:
        return None
    return f"quantization-aware training does not support its activation {name}"


def _activation(layer: Layer) -> str:
    return str(getattr(layer.activation, "__name__", type(layer.activation).__name__))

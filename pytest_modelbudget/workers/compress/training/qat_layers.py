"""Which layers quantization-aware training can take, by what tfmot and the converter do."""

from typing import Any

import tf_keras
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantize_registry,
)

from pytest_modelbudget.workers.compress.models.sources import Model, class_name

Layer = Any
L = tf_keras.layers
_REGISTRY = default_8bit_quantize_registry.Default8BitQuantizeRegistry()
# With these inside a layer, its weights become integers; swish leaves them float.
_FUSED_ACTIVATIONS = {"linear", "relu", "softmax", "sigmoid", "tanh", "gelu"}
_ACTIVATIONS = _FUSED_ACTIVATIONS | {"relu6", "swish"}


def why_not(layer: Layer, model: Model) -> str | None:
    """Say why a layer cannot be trained quantization-aware, or return None if it can.

    Args:
        layer: A layer of ``model``.
        model: A functional tf_keras model without nested ones.
    """
    if isinstance(layer, L.BatchNormalization):
        if not convolution_of(layer, model):
            return "batch normalization not behind a Conv2D"
    elif not _REGISTRY.supports(layer):
        return f"tfmot cannot quantize {class_name(layer)}"
    if hasattr(layer, "activation"):
        supported = _ACTIVATIONS if isinstance(layer, L.Activation) else _FUSED_ACTIVATIONS
        if reason := _why_not_activation(layer, supported):
            return reason
    if max(getattr(layer, "dilation_rate", (1,))) > 1:
        return "a dilated convolution stays float in LiteRT"
    if isinstance(layer, L.Dense) and len(layer.get_input_shape_at(0)) > 2:
        return "a Dense layer on more than one axis stays float in LiteRT"
    if _feeds_lstm(layer):
        return "the converter fails on an LSTM that gets integers from it"
    return None


def convolution_of(layer: Layer, model: Model) -> Layer | None:
    """Return the convolution that a batch normalization is fused with in LiteRT, or None."""
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
    """Tell whether an LSTM gets the output of a layer, unless layers with kernels are between.

    Between integers it would become integer itself, and for that its state may not be shared:
    https://github.com/tensorflow/tensorflow/issues/40344
    """
    followers = [node.outbound_layer for node in layer._outbound_nodes]
    return any(
        isinstance(getattr(each, "layer", each), L.LSTM)  # or one within a Bidirectional
        or ((not each.weights or isinstance(each, L.BatchNormalization)) and _feeds_lstm(each))
        for each in followers
    )


def _why_not_activation(layer: Layer, supported: set[str]) -> str | None:
    name = _activation(layer)
    return None if name in supported else f"tfmot cannot quantize the activation {name} in it"


def _activation(layer: Layer) -> str:
    return str(getattr(layer.activation, "__name__", type(layer.activation).__name__))

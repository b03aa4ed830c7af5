"""Rules that trace channels from the inputs of a layer to its output, one for each layer class.

A layer keeps all channels if it has no rule, or if its rule raises ``Untraceable``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tf_keras import layers

from pytest_modelbudget.workers.compress.channels.ties import Ids
from pytest_modelbudget.workers.compress.channels.trace import Trace, TracedCall, Untraceable
from pytest_modelbudget.workers.compress.models.keras_types import Layer

Rule = Callable[[Trace, TracedCall], Ids]


@dataclass(frozen=True)
class KernelAxes:
    """The weight of a layer class whose filters or units are its output channels.

    Attributes:
        name: Of the attribute with the weight.
        reads: The axis with the channels of the input.
        makes: The axis with the channels of the output.
        size: The argument of the layer that is the number of output channels.
    """

    name: str
    reads: int
    makes: int
    size: str


_CONVOLUTION = KernelAxes("kernel", reads=-2, makes=-1, size="filters")
_TRANSPOSED = KernelAxes("kernel", reads=-1, makes=-2, size="filters")
_SEPARABLE = KernelAxes("pointwise_kernel", reads=-2, makes=-1, size="filters")

KERNELS: dict[type, KernelAxes] = {
    layers.Dense: KernelAxes("kernel", reads=-2, makes=-1, size="units"),
    layers.Conv1D: _CONVOLUTION,
    layers.Conv2D: _CONVOLUTION,
    layers.Conv3D: _CONVOLUTION,
    layers.Conv1DTranspose: _TRANSPOSED,
    layers.Conv2DTranspose: _TRANSPOSED,
    layers.Conv3DTranspose: _TRANSPOSED,
    layers.SeparableConv1D: _SEPARABLE,
    layers.SeparableConv2D: _SEPARABLE,
}
"""The layers whose filters or units can be removed."""


def apply(trace: Trace, call: TracedCall) -> Ids:
    """Return the channels on the last axis of the output of ``call``.

    Raises:
        Untraceable: if they cannot be traced; then ``trace`` is unchanged.
    """
    # Only the exact class: a subclass may compute anything.
    rule = _RULES.get(type(call.layer))
    if rule is None or getattr(call.layer, "data_format", "channels_last") != "channels_last":
        raise Untraceable
    return rule(trace, call)


def _make(trace: Trace, call: TracedCall) -> Ids:
    layer, kernel = call.layer, KERNELS[type(call.layer)]
    if getattr(layer, "groups", 1) != 1:
        raise Untraceable
    (inputs,) = call.inputs
    if kernel is _SEPARABLE:
        trace.mark(layer.depthwise_kernel, -2, inputs)
        inputs = np.repeat(inputs, layer.depth_multiplier)
    weight = getattr(layer, kernel.name)
    trace.mark(weight, kernel.reads, inputs, reads=True)
    made = trace.make(layer, weight, kernel.makes)
    _add_bias_and_activate(trace, call, made)
    return made


def _depthwise(trace: Trace, call: TracedCall) -> Ids:
    (inputs,) = call.inputs
    trace.mark(call.layer.depthwise_kernel, -2, inputs)
    multiplied = np.repeat(inputs, call.layer.depth_multiplier)
    _add_bias_and_activate(trace, call, multiplied)
    return multiplied


def _add_bias_and_activate(trace: Trace, call: TracedCall, channels: Ids) -> None:
    layer = call.layer
    if layer.use_bias:
        trace.mark(layer.bias, -1, channels)
    if not _is_elementwise(layer.activation, len(call.output_shape)):
        trace.channels.pin(channels, f"the activation of {layer.name} needs all of its channels")


def _is_elementwise(function: Callable[[Any], Any], rank: int) -> bool:
    """Tell whether an activation computes each value on its own, by calling it on a few."""
    values = tf.reshape(tf.linspace(-4.0, 4.0, 8), (1,) * (rank - 1) + (8,))
    whole, part = function(values)[..., ::2], function(values[..., ::2])
    return bool(whole.shape == part.shape and np.allclose(whole, part, atol=1e-6))


def _activation(trace: Trace, call: TracedCall) -> Ids:
    if not _is_elementwise(call.layer.activation, len(call.output_shape)):
        raise Untraceable
    return _same(trace, call)


def _same(_trace: Trace, call: TracedCall) -> Ids:
    return call.inputs[0]


def _rescale(trace: Trace, call: TracedCall) -> Ids:
    if np.ndim(call.layer.scale) or np.ndim(call.layer.offset):
        raise Untraceable
    return _same(trace, call)


def _normalize(trace: Trace, call: TracedCall) -> Ids:
    layer, (inputs,) = call.layer, call.inputs
    if list(layer.axis) != [len(call.output_shape) - 1]:
        raise Untraceable
    for weight in layer.weights:
        trace.mark(weight, -1, inputs)
    if layer.scale:
        trace.scales.append((layer.gamma, inputs))
    return inputs


def _prelu(trace: Trace, call: TracedCall) -> Ids:
    if len(call.output_shape) - 1 not in (call.layer.shared_axes or ()):
        trace.mark(call.layer.alpha, -1, call.inputs[0])
    return _same(trace, call)


def _merge(trace: Trace, call: TracedCall) -> Ids:
    """Tie the channels of inputs that are merged element by element, without broadcasting."""
    first, *others = call.inputs
    if any(len(other) != len(first) for other in others):
        raise Untraceable
    for other in others:
        trace.channels.tie(first, other)
    return first


def _concatenate(trace: Trace, call: TracedCall) -> Ids:
    rank = len(call.output_shape)
    if call.layer.axis % rank == rank - 1:
        return np.concatenate(call.inputs)
    return _merge(trace, call)


def _permute(trace: Trace, call: TracedCall) -> Ids:
    if call.layer.dims[-1] != len(call.layer.dims):
        raise Untraceable
    return _same(trace, call)


def _reshape(trace: Trace, call: TracedCall) -> Ids:
    """Trace each value of a sample: all values that are reshaped into one channel are tied."""
    (inputs,), (shape,) = call.inputs, call.input_shapes
    sizes, channels = [size for size in shape[1:] if size], call.output_shape[-1]
    if len(sizes) < len(shape) - 1 or channels is None:
        raise Untraceable
    values: Ids = np.broadcast_to(inputs, sizes).reshape(-1, channels)
    first: Ids = values[0]
    for other in values[1:]:
        trace.channels.tie(first, other)
    if isinstance(call.layer, layers.Reshape):
        # All calls have the same target shape, so the same channels are removed in all.
        trace.channels.tie(trace.reshaped.setdefault(call.layer.name, first), first)
    return first


_RULES: dict[type, Rule] = {
    **dict.fromkeys(KERNELS, _make),
    layers.DepthwiseConv1D: _depthwise,
    layers.DepthwiseConv2D: _depthwise,
    layers.BatchNormalization: _normalize,
    layers.PReLU: _prelu,
    layers.Rescaling: _rescale,
    layers.Activation: _activation,
    layers.Concatenate: _concatenate,
    layers.Permute: _permute,
    layers.Flatten: _reshape,
    layers.Reshape: _reshape,
    **dict.fromkeys(
        [
            layers.Add,
            layers.Average,
            layers.Maximum,
            layers.Minimum,
            layers.Multiply,
            layers.Subtract,
        ],
        _merge,
    ),
    **dict.fromkeys(
        [
            layers.ActivityRegularization,
            layers.AlphaDropout,
            layers.AveragePooling1D,
            layers.AveragePooling2D,
            layers.AveragePooling3D,
            layers.Cropping1D,
            layers.Cropping2D,
            layers.Cropping3D,
            layers.Dropout,
            layers.ELU,
            layers.GaussianDropout,
            layers.GaussianNoise,
            layers.GlobalAveragePooling1D,
            layers.GlobalAveragePooling2D,
            layers.GlobalAveragePooling3D,
            layers.GlobalMaxPooling1D,
            layers.GlobalMaxPooling2D,
            layers.GlobalMaxPooling3D,
            layers.LeakyReLU,
            layers.MaxPooling1D,
            layers.MaxPooling2D,
            layers.MaxPooling3D,
            layers.ReLU,
            layers.RepeatVector,
            layers.SpatialDropout1D,
            layers.SpatialDropout2D,
            layers.SpatialDropout3D,
            layers.ThresholdedReLU,
            layers.UpSampling1D,
            layers.UpSampling2D,
            layers.UpSampling3D,
            layers.ZeroPadding1D,
            layers.ZeroPadding2D,
            layers.ZeroPadding3D,
        ],
        _same,
    ),
}


def kernel_of(layer: Layer) -> KernelAxes | None:
    """Return the weight that makes the channels of ``layer``, or None if it makes none."""
    return KERNELS.get(type(layer))

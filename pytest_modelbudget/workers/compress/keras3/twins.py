"""Creates the tf_keras layer of the same class for a Keras 3 layer."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
import tf_keras

_ADDITION = ("keras.src.ops.numpy", "Add")  # it has no public name
_RENAMED = {("LeakyReLU", "negative_slope"): "alpha"}
# Accepted as ``**kwargs`` by every layer; the last only by recurrent layers.
_EVERYWHERE = ("name", "trainable", "dtype", "activity_regularizer", "zero_output_for_mask")
# They change the speed or the random numbers of a layer, not its outputs.
_IMMATERIAL = {"flash_attention", "seed", "use_cudnn"}
# https://github.com/keras-team/tf-keras/issues/816
_BROKEN = {"SpectralNormalization"}
# The same activations under other names, by which tfmot and tf_keras's own files know them.
_RENAMED_ACTIVATIONS = {"relu6": tf.nn.relu6, "silu": tf_keras.activations.swish}
# relu6(x + 3) / 6 since Keras 3: https://github.com/keras-team/keras/pull/19477
_REDEFINED_ACTIVATIONS = {"hard_sigmoid"}


def _register_activations() -> dict[str, Callable[..., Any]]:
    """Register activations that tf_keras lacks or defines differently, to save and load them."""
    own: dict[str, Callable[..., Any]] = {
        name: function
        for name, function in vars(keras.activations).items()
        if inspect.isfunction(function)
        and name not in _RENAMED_ACTIVATIONS
        and (name in _REDEFINED_ACTIVATIONS or not hasattr(tf_keras.activations, name))
    }
    for name, function in own.items():
        tf_keras.saving.register_keras_serializable("keras3", name)(function)
    return own


_ACTIVATIONS = _register_activations() | _RENAMED_ACTIVATIONS


def make_twin(layer: Any, move: Callable[[Any], Any]) -> Any:
    """Return a tf_keras layer of the same class and configuration, not built, without weights.

    Args:
        layer: A Keras 3 layer, built.
        move: Returns the tf_keras layer of a layer that ``layer`` wraps, or None.

    Returns:
        None if tf_keras has no such layer, or cannot configure it to compute the same.
    """
    name = type(layer).__name__
    twin_class = getattr(tf_keras.layers, name, None)
    is_keras_own = type(layer) is getattr(keras.layers, name, None)
    if twin_class is None or not is_keras_own or name in _BROKEN:
        return None
    config = layer.get_config()
    wrapped = {key: _map(move, inner) for key, inner in _wrapped(layer, config).items()}
    plain = {key: value for key, value in config.items() if key not in wrapped}
    adapted = _adapted(plain, name, type(layer), twin_class)
    if adapted is None or any(None in _listed(inner) for inner in wrapped.values()):
        return None
    return twin_class(**adapted | _unprefixed(wrapped) | _statistics(layer))


def addition(node: Any) -> Any:
    """Return an ``Add`` layer for a sum of two tensors of one shape in ``keras.ops``, or None.

    Residual connections are often written as sums, and tfmot supports the layer ``Add``.
    """
    operation, tensors = node.operation, node.arguments.keras_tensors
    is_addition = (type(operation).__module__, type(operation).__name__) == _ADDITION
    if not is_addition or len({(tensor.shape, tensor.dtype) for tensor in tensors}) != 1:
        return None
    if len(tensors) != 2:
        return None
    return tf_keras.layers.Add(name=operation.name, dtype=tensors[0].dtype)


def _wrapped(layer: Any, config: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``layer`` that are layers or lists of layers."""
    attributes = {"layer": "forward_layer"} if hasattr(layer, "forward_layer") else {}
    found = {key: getattr(layer, attributes.get(key, key), None) for key in config}
    return {
        key: value
        for key, value in found.items()
        if _listed(value) and all(isinstance(one, keras.layers.Layer) for one in _listed(value))
    }


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _map(move: Callable[[Any], Any], inner: Any) -> Any:
    return [move(one) for one in inner] if isinstance(inner, list | tuple) else move(inner)


def _unprefixed(wrapped: dict[str, Any]) -> dict[str, Any]:
    """Remove the prefixes that Bidirectional adds to names, since it will add them again."""
    for key, prefix in (("layer", "forward_"), ("backward_layer", "backward_")):
        if key in wrapped and "backward_layer" in wrapped:
            wrapped[key]._name = wrapped[key].name.removeprefix(prefix)
    return wrapped


def _adapted(
    config: dict[str, Any], name: str, layer_class: Any, twin_class: Any
) -> dict[str, Any] | None:
    """Return ``config`` with the argument names of ``twin_class``, or None if it lacks one."""
    known, defaults = _parameters(twin_class), _parameters(layer_class)
    adapted = {}
    for key, value in config.items():
        renamed = _RENAMED.get((name, key), key)
        if renamed in known:
            if _is_foreign(value):
                return None
            adapted[renamed] = _argument(key, value)
        elif not (
            key in _IMMATERIAL
            or value is None
            or value is False
            or (key in defaults and value == defaults[key])
            or (key, value) == ("data_format", "channels_last")
        ):
            return None
    return adapted


def _parameters(layer_class: Any) -> dict[str, Any]:
    """Return the names and defaults of all arguments of a layer class and its base classes."""
    base: dict[str, Any] = dict.fromkeys(_EVERYWHERE)
    signatures = [
        inspect.signature(vars(cls)["__init__"])
        for cls in reversed(layer_class.__mro__)
        if "__init__" in vars(cls)
    ]
    parameters = [p for signature in signatures for p in signature.parameters.values()]
    return base | {parameter.name: parameter.default for parameter in parameters}


def _is_foreign(value: Any) -> bool:
    """Tell whether a value is of a class of the user, or a dtype policy that only Keras 3 has."""
    if not isinstance(value, dict) or "class_name" not in value:
        return False
    name, module = value["class_name"], str(value.get("module"))
    return not module.startswith("keras") or ("DTypePolicy" in name and name != "DTypePolicy")


def _argument(key: str, value: Any) -> Any:
    if key.endswith("_initializer"):
        return "zeros"  # the weights are copied
    if key.endswith("activation") and isinstance(value, str):
        return _ACTIVATIONS.get(value, value)
    return value["config"]["name"] if key == "dtype" and isinstance(value, dict) else value


def _statistics(layer: Any) -> dict[str, Any]:
    """Return the statistics of a Normalization layer: tf_keras stores them in other weights."""
    if not isinstance(layer, keras.layers.Normalization) or layer.input_mean is not None:
        return {}
    shape = layer.adapt_mean.shape
    return {
        key: keras.ops.reshape(getattr(layer, key), shape).numpy().tolist()
        for key in ("mean", "variance")
    }

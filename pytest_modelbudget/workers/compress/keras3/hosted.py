"""An operation of Keras 3 inside a tf_keras layer."""

import json
from typing import Any

import keras
import tensorflow as tf
import tf_keras

from pytest_modelbudget.workers.compress.keras3.graph_nodes import arguments


@tf_keras.saving.register_keras_serializable("pytest_modelbudget")
class Hosted(tf_keras.layers.Layer):  # type: ignore[misc]
    """Runs a copy of one Keras 3 operation: one of ``keras.ops``, or a layer.

    The tensors of the operation's arguments are passed as one flat list; the other arguments are
    fixed. The layer passes no mask on, and ignores losses that the operation adds.

    Args:
        operation: The operation, as JSON of Keras 3.
        template: ``[args, kwargs]`` of the call, as JSON of Keras 3, with null for each tensor.
        positions: The positions of the tensors among the flattened arguments.
        **kwargs: The arguments of every layer.
    """

    def __init__(self, operation: str, template: str, positions: list[int], **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self._operation, self._template, self._positions = operation, template, positions
        hosted = _deserialize(operation)
        self.hosted_class = type(hosted).__name__
        self._is_layer = isinstance(hosted, keras.layers.Layer)
        # tf_keras would treat a Keras 3 layer in an attribute as one of its own. It has to find the
        # variables, to train and save them.
        self._operate = hosted.__call__
        self._held = [each.value for each in hosted.variables] if self._is_layer else []

    def load(self, variables: list[Any]) -> None:
        """Copy the values of the original operation's variables.

        Raises:
            ValueError: if their number or a shape differs from those of the copy.
        """
        for held, variable in zip(self._held, variables, strict=True):
            held.assign(variable.value)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the outputs of the operation."""
        return self._run(inputs, training)

    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
    def _run(self, inputs: Any, training: bool | None) -> Any:
        template = _deserialize(self._template)
        leaves = keras.tree.flatten(template)
        tensors = tf.nest.flatten(inputs)
        for position, tensor in zip(self._positions, tensors, strict=True):
            leaves[position] = tensor
        args, kwargs = keras.tree.pack_sequence_as(template, leaves)
        if self._is_layer:
            kwargs = {"training": training} | kwargs
        return self._operate(*args, **kwargs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return no mask, as ``keras.ops`` do."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "operation": self._operation,
            "template": self._template,
            "positions": list(self._positions),
        }


def host(node: Any) -> Hosted:
    """Return a layer with a copy of the operation that a node of a Keras 3 graph calls.

    Raises:
        Exception: of any class, from Keras or the operation's own code, if it cannot be copied.
    """
    template, positions = _template(node)
    return Hosted(_serialize(node.operation), template, positions, name=node.operation.name)


def fits(hosted: Hosted, node: Any) -> bool:
    """Tell whether ``node`` calls the operation with the arguments that ``hosted`` has."""
    config = hosted.get_config()
    return _template(node) == (config["template"], config["positions"])


def unmasked(tensor: Any, name: str) -> Any:
    """Return a symbolic tensor without its mask.

    A layer that does not support masks drops them in Keras 3, but raises in tf_keras.

    Args:
        tensor: A tensor of tf_keras.
        name: The name of the layer that removes the mask, if there is one.
    """
    if getattr(tensor, "_keras_mask", None) is None:
        return tensor
    identity = _serialize(keras.layers.Identity(name=name))
    return Hosted(identity, _serialize([[None], {}]), [0], name=name)(tensor)


def _template(node: Any) -> tuple[str, list[int]]:
    given = arguments(node)
    leaves = keras.tree.flatten(given)
    positions = [i for i, leaf in enumerate(leaves) if isinstance(leaf, keras.KerasTensor)]
    for position in positions:
        leaves[position] = None
    return _serialize(keras.tree.pack_sequence_as(given, leaves)), positions


def _serialize(value: Any) -> str:
    # As text: tf_keras would deserialize the objects of Keras 3 itself.
    return json.dumps(keras.saving.serialize_keras_object(value))


def _deserialize(text: str) -> Any:
    # The code of a Lambda is the user's own, and has already run.
    return keras.saving.deserialize_keras_object(json.loads(text), safe_mode=False)

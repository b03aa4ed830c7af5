"""Builds the graph of a Keras 3 model again in tf_keras."""

from typing import Any

import keras
import tf_keras

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.keras3.graph_nodes import arguments, in_order
from pytest_modelbudget.workers.compress.keras3.hosted import Hosted, fits, host, unmasked
from pytest_modelbudget.workers.compress.keras3.parity import MovedCall, verify_moved
from pytest_modelbudget.workers.compress.keras3.refusal import HINT, refusal, root
from pytest_modelbudget.workers.compress.keras3.twins import addition, make_twin


def to_tf_keras(model: Any, sample_count: int = 4) -> Any:
    """Move a model of Keras 3 to tf_keras, with its weights and the names of its layers.

    The graph is built again, one call after the other. tf_keras cannot load the configuration that
    Keras 3 writes: with nested models it never returns, since the two count the calls of a layer
    differently (https://github.com/google-research/google-research/issues/1280).

    Args:
        model: A built model; one of tf_keras is returned unchanged.
        sample_count: The number of random samples on which the outputs are compared.

    Returns:
        A functional tf_keras model, not compiled.

    Raises:
        JobError: if a layer cannot be moved or computes something else in tf_keras, or if the model
            has no graph.
    """
    if isinstance(model, tf_keras.Model):
        return model
    if not _has_graph(model):
        kind = type(model).__name__
        raise JobError(
            f"the model {getattr(model, 'name', kind)} ({kind}) cannot be moved to tf_keras: it is "
            "subclassed, so it has no graph of layers",
            HINT,
        )
    graph = _functional(model)
    moved, calls = _Mover().move_graph(graph, model.trainable)
    verify_moved(graph, moved, calls, sample_count)
    return moved


def _has_graph(model: Any) -> bool:
    return isinstance(model, keras.Function | keras.Sequential)


def _functional(model: Any) -> Any:
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


class _Mover:
    """Moves layers, each once, so that a shared layer stays shared."""

    def __init__(self) -> None:
        self._twins: dict[int, Any] = {}

    def move_graph(self, graph: Any, trainable: bool) -> tuple[Any, list[MovedCall]]:
        """Return the tf_keras model of a functional model, and the calls of layers in both."""
        inputs = keras.tree.map_structure(_input, graph.input)
        known = _by_id(graph.input, inputs)
        calls = []
        for node in in_order(graph):
            outputs = self._call(node, known)
            known |= _by_id(node.outputs, outputs)
            calls.append(MovedCall(node.operation, node.outputs, keras.tree.flatten(outputs)))
        outputs = keras.tree.map_structure(lambda tensor: known[id(tensor)], graph.output)
        moved = tf_keras.Model(inputs, outputs, name=graph.name)
        if not trainable:
            moved.trainable = False
        return moved, calls

    def _call(self, node: Any, known: dict[int, Any]) -> Any:
        """Call the layer of ``node`` in tf_keras.

        Args:
            node: A call in the Keras 3 graph.
            known: The tensors of tf_keras, by the ids of those of Keras 3.
        """
        layer = node.operation
        try:
            is_new = id(layer) not in self._twins
            if is_new:
                self._twins[id(layer)] = self._move(layer) or addition(node) or host(node)
            twin = self._twins[id(layer)]
            args, kwargs = _arguments(node, known, twin)
            outputs = twin(*args, **kwargs)
            if is_new:
                _copy_weights(layer, twin)
        except JobError:
            raise
        except Exception as error:  # layers may raise anything, and so may the user's code
            is_copied = isinstance(self._twins.get(id(layer)), Hosted | None)
            raise refusal(layer, root(error), is_copied) from error
        return outputs

    def _move(self, layer: Any) -> Any:
        """Return the tf_keras model or layer for one of Keras 3, or None if tf_keras has none."""
        if _has_graph(layer):
            return self.move_graph(_functional(layer), layer.trainable)[0]
        return make_twin(layer, self._move)


def _input(tensor: Any) -> Any:
    batch_size, *shape = tensor.shape
    name = tensor._keras_history.operation.name
    return tf_keras.Input(shape, batch_size, name, tensor.dtype)


def _by_id(tensors: Any, moved: Any) -> dict[int, Any]:
    ids = map(id, keras.tree.flatten(tensors))
    return dict(zip(ids, keras.tree.flatten(moved), strict=True))


def _arguments(node: Any, known: dict[int, Any], twin: Any) -> Any:
    """Return ``[args, kwargs]`` that ``twin`` is called with."""
    if isinstance(twin, Hosted) and not fits(twin, node):
        raise refusal(node.operation, "it is called with different arguments")
    if isinstance(twin, Hosted) or not isinstance(node.operation, keras.layers.Layer):
        return [[[known[id(tensor)] for tensor in node.arguments.keras_tensors]], {}]
    knows_masks = isinstance(twin, tf_keras.Model) or twin.supports_masking

    def moved(value: Any) -> Any:
        if not isinstance(value, keras.KerasTensor):
            return value
        tensor = known[id(value)]
        return tensor if knows_masks else unmasked(tensor, f"{twin.name}_unmasked")

    return keras.tree.map_structure(moved, arguments(node))


def _copy_weights(layer: Any, twin: Any) -> None:
    if isinstance(twin, Hosted):
        twin.load(getattr(layer, "variables", []))
    elif twin.weights and not isinstance(twin, tf_keras.Model):
        # tf_keras lists trainable weights first, those of layers inside this one included.
        weights = sorted(layer.weights, key=lambda weight: not weight.trainable)
        twin.set_weights([weight.numpy() for weight in weights])

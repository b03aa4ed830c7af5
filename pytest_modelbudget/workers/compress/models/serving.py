"""The function of a model that is converted or served, with named inputs and outputs."""

from typing import Any

import tensorflow as tf

from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.models.sources import is_keras
from pytest_modelbudget.workers.userdata.usercode import user_code


def serving_function(model: Model, batch_size: int | None = None) -> tuple[Any, Any]:
    """Return a concrete function with named inputs and outputs, and the owner of its variables.

    Args:
        model: A model that ``sources.load_model`` returned.
        batch_size: The batch size if the model leaves it open; None keeps it open.
    """
    if not is_keras(model):
        return model.signatures["serving_default"], model
    owner = tf.Module()
    # ``tf.Module`` does not find the variables of Keras 3, so they would not be frozen.
    owner.held = [v if isinstance(v, tf.Variable) else v.value for v in model.variables]
    names = _layer_names(model.inputs, getattr(model, "input_names", None))
    output_names = _layer_names(model.outputs, getattr(model, "output_names", None))
    # A Keras 3 Sequential has one input, but no attribute ``input`` before its first call.
    structure = getattr(model, "input", model.inputs[0])

    def serve(**inputs: Any) -> dict[str, Any]:
        given = tf.nest.pack_sequence_as(structure, [inputs[name] for name in names])
        outputs = model(given, training=False)
        if isinstance(outputs, dict):
            return outputs
        return dict(zip(output_names, tf.nest.flatten(outputs), strict=True))

    specs = {
        name: tf.TensorSpec((tensor.shape[0] or batch_size, *tensor.shape[1:]), tensor.dtype, name)
        for name, tensor in zip(names, model.inputs, strict=True)
    }
    with user_code(f"calling the model {model.name}"):
        function = tf.function(serve, autograph=False).get_concrete_function(**specs)
    owner.state = state_variables(function)
    for variable in owner.state:
        variable.assign(tf.zeros_like(variable))  # whatever the model was called on before
    return function, owner


def state_variables(function: Any) -> list[Any]:
    """Return the variables that a concrete function writes, such as the state of a stream."""
    graph = function.graph
    writes = [each for each in graph.get_operations() if each.type == "AssignVariableOp"]
    written = {id(operation.inputs[0]) for operation in writes}
    handles = {id(outer) for outer, inner in graph.captures if id(inner) in written}
    return [variable for variable in graph.variables if id(variable.handle) in handles]


def _layer_names(tensors: list[Any], known: list[str] | None) -> list[str]:
    """Return the names of tensors' layers, made unique.

    The own name of a Keras 3 tensor depends on how many tensors the process has created.

    Args:
        tensors: The symbolic inputs or outputs of a model.
        known: The names that tf_keras has for them.
    """
    names = known or [tensor._keras_history.operation.name for tensor in tensors]
    return [
        f"{name}_{names[:index].count(name)}" if name in names[:index] else name
        for index, name in enumerate(names)
    ]

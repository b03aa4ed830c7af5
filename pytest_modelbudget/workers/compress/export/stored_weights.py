"""Stores only the variables that a function reads, as float16 where that is wanted.

The function computes with float32 as before.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models.keras_types import Tensor, Variable

Copies = dict[int, Variable]
"""Copies of variables, by the ``id`` of the handle of each."""

_HINT = "write weights: float32 and strip: []"


def has_unread_variables(function: Any) -> bool:
    """Tell whether a function has variables that it does not read, as of TensorFlow 1."""
    by_handle = {id(variable.handle) for variable in function.variables}
    pairs = zip(function.captured_inputs, function.graph.internal_captures, strict=True)
    return any(id(outer) in by_handle and not inner.consumers() for outer, inner in pairs)


def with_own_weights(function: Any, copies: Copies, *, float16: bool) -> Any:
    """Return a concrete function with a copy of each variable that it reads.

    Args:
        function: A concrete function of named inputs and outputs; it is not changed.
        copies: Those that other functions of the same model read already; new ones are added.
            The returned function does not own them.
        float16: Whether float32 variables become float16 and are cast when the function runs. A
            variable stays float32 if float16 cannot represent one of its values.

    Raises:
        JobError: If the function changes its variables, or TensorFlow cannot tell where it reads
            them.
    """
    try:
        # The operators that read a variable become constants, also inside of loops.
        frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    except Exception as error:  # Any operator that the conversion does not know.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise JobError(f"it is not known which variables are read: {reason}", _HINT) from error
    graph = frozen.graph.as_graph_def()
    bodies = [node for each in graph.library.function for node in each.node_def]
    if changed := [node.name for node in [*graph.node, *bodies] if node.op.startswith("Assign")]:
        raise JobError(f"the signature changes its variables ({changed[0]})", _HINT)
    constants = {node.name for node in graph.node if node.op == "Const"}
    stored = _stored(function, constants, copies, float16=float16)
    for node in graph.node:
        if node.name in stored:
            _make_placeholder(node)
    return _importing(function, frozen, graph, stored)


def _stored(
    function: Any, constants: set[str], copies: Copies, *, float16: bool
) -> dict[str, Variable]:
    """Return the variables as they are stored, by the name of the constant that replaces each."""
    by_handle = {id(variable.handle): variable for variable in function.variables}
    stored = {}
    for outer, inner in zip(
        function.captured_inputs, function.graph.internal_captures, strict=True
    ):
        if id(outer) in by_handle and inner.op.name in constants:
            if id(outer) not in copies:
                copies[id(outer)] = _copy(by_handle[id(outer)], float16=float16)
            stored[inner.op.name] = copies[id(outer)]
    return stored


def _copy(variable: Variable, *, float16: bool) -> Variable:
    values = variable.numpy()
    if (
        float16
        and values.dtype == np.float32
        and (np.abs(values) <= np.finfo(np.float16).max).all()
    ):
        values = values.astype(np.float16)
    return tf.Variable(values, trainable=False, name=variable.name.partition(":")[0])


def _make_placeholder(node: Any) -> None:
    dtype = node.attr["dtype"].type
    shape = node.attr["value"].tensor.tensor_shape
    node.op = "Placeholder"
    node.attr["shape"].shape.CopyFrom(shape)
    del node.attr["value"]
    node.attr["dtype"].type = dtype


def _importing(function: Any, frozen: Any, graph: Any, stored: dict[str, Variable]) -> Any:
    """Return a concrete function that runs ``graph`` with the values of ``stored``."""
    specs = function.structured_input_signature[1]
    others = zip(frozen.captured_inputs, frozen.graph.internal_captures, strict=True)
    captured = {inner.name: outer for outer, inner in others}
    taken = [each.name for each in frozen.inputs if each.name not in captured]

    def serve(**inputs: Tensor) -> Any:
        known = dict(zip(taken, tf.nest.flatten(inputs), strict=True)) | captured
        for name, variable in stored.items():
            known[f"{name}:0"] = tf.cast(variable.read_value(), _original(graph, name))
        names = [output.name for output in frozen.outputs]
        outputs = tf.graph_util.import_graph_def(
            graph, input_map=known, return_elements=names, name=""
        )
        return tf.nest.pack_sequence_as(function.structured_outputs, outputs)

    return tf.function(serve, autograph=False).get_concrete_function(**specs)


def _original(graph: Any, name: str) -> tf.DType:
    node = next(each for each in graph.node if each.name == name)
    return tf.dtypes.as_dtype(node.attr["dtype"].type)

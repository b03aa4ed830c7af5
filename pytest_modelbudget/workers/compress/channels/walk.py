"""Traces the channels of every tensor through the graph of a tf_keras model."""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from pytest_modelbudget.workers.compress.channels.rules import apply
from pytest_modelbudget.workers.compress.channels.ties import Ids
from pytest_modelbudget.workers.compress.channels.trace import Trace, TracedCall, Untraceable
from pytest_modelbudget.workers.compress.models.keras_types import Model


def follow(model: Model) -> Trace:
    """Trace the channels of a functional or Sequential tf_keras model.

    The channels of its inputs and outputs are pinned, and so are those of the inputs and outputs of
    layers through which channels cannot be traced.
    """
    trace = Trace()
    tensors: dict[int, Ids] = {}
    for node in _in_order(model):
        outputs = tf.nest.flatten(node.outputs)
        if node.is_input:
            found = [
                _pinned(trace, tensor, "it is merged with an input of the model")
                for tensor in outputs
            ]
        else:
            found = _through(trace, node, tensors)
        tensors |= {id(tensor): ids for tensor, ids in zip(outputs, found, strict=True)}
    for tensor in model.outputs:
        trace.channels.pin(tensors[id(tensor)], "it makes an output of the model")
    return trace


def _in_order(model: Model) -> Iterator[Any]:
    """Yield the nodes of the graph, each after those that it depends on.

    The layers' own lists of nodes do not help: they contain nodes of other models, too.
    """
    for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
        yield from nodes


def _through(trace: Trace, node: Any, tensors: dict[int, Ids]) -> list[Ids]:
    inputs = node.keras_inputs
    outputs = tf.nest.flatten(node.outputs)
    call = TracedCall(
        node.layer,
        tuple(tensors[id(tensor)] for tensor in inputs),
        tuple(tuple(tensor.shape) for tensor in inputs),
        tuple(outputs[0].shape),
    )
    try:
        return [apply(trace, call)]
    except Untraceable:
        reason = f"{node.layer.name} ({type(node.layer).__name__}) needs all of its channels"
        for ids in call.inputs:
            trace.channels.pin(ids, reason)
        return [_pinned(trace, tensor, reason) for tensor in outputs]


def _pinned(trace: Trace, tensor: Any, reason: str) -> Ids:
    ids = trace.channels.new(_last(tuple(tensor.shape)))
    trace.channels.pin(ids, reason)
    return ids


def _last(shape: tuple[int | None, ...]) -> int:
    """Return the size of the last axis, 0 if it is unknown or the batch."""
    return (shape[-1] or 0) if len(shape) > 1 else 0

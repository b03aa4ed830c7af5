"""Reads the calls of layers, which are the nodes of a Keras 3 graph."""

import inspect
from collections.abc import Iterator
from typing import Any


def in_order(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a functional model, each after those whose outputs it takes."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        yield from (node for node in graph._nodes_by_depth[depth] if not node.is_input)


def arguments(node: Any) -> list[Any]:
    """Return ``[args, kwargs]`` of a call, as the user wrote them.

    Keras 3 records the default of ``training`` as if the user had given it, so it is removed.
    ``training=True`` is removed, too: Keras 3 overrides it. ``training=False`` stays: it keeps a
    layer from being trained, although Keras 3 no longer respects it
    (https://github.com/keras-team/keras/issues/20285).
    """
    kwargs = dict(node.arguments.kwargs)
    if "training" in kwargs:
        parameters = inspect.signature(node.operation.call).parameters
        default = parameters["training"].default if "training" in parameters else False
        if kwargs["training"] is not False or default is False:
            del kwargs["training"]
    return [list(node.arguments.args), kwargs]

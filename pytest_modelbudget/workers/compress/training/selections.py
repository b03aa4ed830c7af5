"""Chooses the layers of a model that a stage takes."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

import tf_keras

from pytest_modelbudget.budgetfile.stages import LayerSelection
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.layer_choice import NOT_CHOSEN, SKIPPED, Selection, summary
from pytest_modelbudget.workers.compress.models.sources import class_name

Layer = Any  # tf_keras has no type annotations that a checker could use


def take(model: Any, layers: LayerSelection, supported: Callable[[Layer], str | None]) -> Selection:
    """Choose the layers for a stage, before it trains.

    Args:
        model: A functional or Sequential tf_keras model.
        layers: What the stage's ``layers`` says.
        supported: Returns why the stage cannot take a layer, or None if it can.

    Raises:
        JobError: A pattern matches no layer, or of the layers that a pattern of ``only`` asks for,
            or of all if there is none, not one can be taken.
    """
    found = dict(walk(model))
    for pattern in (*layers.only, *layers.skip):
        if not any(_matches(pattern, name, layer) for name, layer in found.items()):
            listed = ", ".join(found)
            raise JobError(f"layers: no layer matches {pattern!r}", f"the layers are {listed}")
    reasons = {
        name: _unwanted(name, layer, layers) or supported(layer) for name, layer in found.items()
    }
    selection = Selection(
        taken=tuple(name for name, reason in reasons.items() if reason is None),
        left={name: reason for name, reason in reasons.items() if reason is not None},
    )
    for pattern in layers.only:
        meant = {name: why for name, why in reasons.items() if _matches(pattern, name, found[name])}
        if not any(why is None for why in meant.values()):
            cause = f"layers: {pattern!r} means no layer that can be taken: {summary(meant)}"
            raise JobError(cause, "leave it out of layers: only")
    if not selection.taken:
        cause = f"there is no layer that can be taken: {summary(reasons)}"
        raise JobError(cause, "leave the stage out")
    return selection


def walk(model: Any) -> Iterator[tuple[str, Layer]]:
    """Yield the layers of a model by name, those of nested models as ``outer/inner``."""
    for layer in model.layers:
        if isinstance(layer, tf_keras.layers.InputLayer):
            continue
        if isinstance(layer, tf_keras.Model) and layer.inputs:
            yield from ((f"{layer.name}/{name}", inner) for name, inner in walk(layer))
        else:
            yield layer.name, layer


def _unwanted(name: str, layer: Layer, layers: LayerSelection) -> str | None:
    if _skipped(name, layer, layers):
        return SKIPPED
    if layers.only and not any(_matches(pattern, name, layer) for pattern in layers.only):
        return NOT_CHOSEN
    return None


def _skipped(name: str, layer: Layer, layers: LayerSelection) -> bool:
    return any(_matches(pattern, name, layer) for pattern in layers.skip)


def _matches(pattern: str, name: str, layer: Layer) -> bool:
    """Tell whether a layer class, or a glob over names, means a layer.

    A nested layer goes by its full name and by its own.
    """
    return (
        pattern == class_name(layer)
        or fnmatchcase(name, pattern)
        or fnmatchcase(layer.name, pattern)
    )

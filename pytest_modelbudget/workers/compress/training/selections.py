"""Chooses the layers of a model that a stage works on."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

import tf_keras

from pytest_modelbudget.budgetfile.stages import LayerSelection
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.layer_choice import IN_SKIP, NOT_IN_ONLY, LayerChoice, summary
from pytest_modelbudget.workers.compress.models.keras_types import Layer, Model
from pytest_modelbudget.workers.compress.models.sources import class_name


def choose_layers(
    model: Model, selection: LayerSelection, why_unsupported: Callable[[Layer], str | None]
) -> LayerChoice:
    """Choose the layers that a stage works on, before it trains.

    Args:
        model: A functional or Sequential tf_keras model.
        selection: The parameter ``layers`` of the stage.
        why_unsupported: Returns why the stage does not support a layer, or None if it does.

    Raises:
        JobError: If a pattern matches no layer, if a pattern of ``only`` matches unsupported
            layers alone, or if every layer would be skipped.
    """
    layers = dict(walk(model))
    for pattern in (*selection.only, *selection.skip):
        if not any(_matches(pattern, name, layer) for name, layer in layers.items()):
            listed = ", ".join(layers)
            raise JobError(f"layers: no layer matches {pattern!r}", f"the layers are {listed}")
    reasons = {
        name: _why_not_selected(name, layer, selection) or why_unsupported(layer)
        for name, layer in layers.items()
    }
    for pattern in selection.only:
        found = {
            name: why for name, why in reasons.items() if _matches(pattern, name, layers[name])
        }
        if all(found.values()):
            cause = f"layers: every layer that matches {pattern!r} is unsupported: {summary(found)}"
            raise JobError(cause, "remove it from layers: only")
    if all(reasons.values()):
        raise JobError(f"every layer would be skipped: {summary(reasons)}", "remove the stage")
    return LayerChoice(
        chosen=tuple(name for name, why in reasons.items() if why is None),
        skipped={name: why for name, why in reasons.items() if why is not None},
    )


def walk(model: Model) -> Iterator[tuple[str, Layer]]:
    """Yield the layers of a model by name, those of nested models as ``outer/inner``."""
    for layer in model.layers:
        if isinstance(layer, tf_keras.layers.InputLayer):
            continue
        if isinstance(layer, tf_keras.Model) and layer.inputs:
            yield from ((f"{layer.name}/{name}", inner) for name, inner in walk(layer))
        else:
            yield layer.name, layer


def _why_not_selected(name: str, layer: Layer, selection: LayerSelection) -> str | None:
    if any(_matches(pattern, name, layer) for pattern in selection.skip):
        return IN_SKIP
    if selection.only and not any(_matches(pattern, name, layer) for pattern in selection.only):
        return NOT_IN_ONLY
    return None


def _matches(pattern: str, name: str, layer: Layer) -> bool:
    """Return whether a layer class, or a glob over names, matches a layer.

    A layer of a nested model has two names: its own, and ``outer/inner``.
    """
    return (
        pattern == class_name(layer)
        or fnmatchcase(name, pattern)
        or fnmatchcase(layer.name, pattern)
    )

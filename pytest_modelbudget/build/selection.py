"""Which layers of a model a stage takes, which it leaves, and why."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tf_keras

from pytest_modelbudget.budgetfile.stages import LayerSelection
from pytest_modelbudget.errors import JobError

_FILE = "layers.json"
NAMED = 3  # layers for each reason in a message
Layer = Any  # tf_keras has no type annotations that a checker could use


@dataclass(frozen=True)
class Selection:
    """The layers by name, in the model's order; one in a nested model is ``outer/inner``.

    Attributes:
        taken: Those that the stage works on.
        left: Those that it leaves as they are, with the reason.
    """

    taken: tuple[str, ...]
    left: Mapping[str, str]

    def write(self, output: Path) -> None:
        """Keep it in the folder ``output``, for the reports."""
        text = json.dumps({"taken": self.taken, "left": dict(self.left)}, indent=2)
        (output / _FILE).write_text(text)


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
            cause = f"layers: {pattern!r} means no layer that can be taken: {_summary(meant)}"
            raise JobError(cause, "leave it out of layers: only")
    if not selection.taken:
        cause = f"there is no layer that can be taken: {_summary(reasons)}"
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


def _summary(reasons: Mapping[str, str | None]) -> str:
    """List the reasons, each with its first layers: a model may have hundreds."""
    parts = []
    for reason in dict.fromkeys(reasons.values()):
        names = [name for name, why in reasons.items() if why == reason]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        parts.append(f"{reason} ({', '.join(names[:NAMED])}{more})")
    return "; ".join(parts)


def _unwanted(name: str, layer: Layer, layers: LayerSelection) -> str | None:
    if _skipped(name, layer, layers):
        return "in layers: skip"
    if layers.only and not any(_matches(pattern, name, layer) for pattern in layers.only):
        return "not in layers: only"
    return None


def _skipped(name: str, layer: Layer, layers: LayerSelection) -> bool:
    return any(_matches(pattern, name, layer) for pattern in layers.skip)


def _matches(pattern: str, name: str, layer: Layer) -> bool:
    """Tell whether a layer class, or a glob over names, means a layer.

    A nested layer goes by its full name and by its own.
    """
    return (
        pattern == type(layer).__name__
        or fnmatchcase(name, pattern)
        or fnmatchcase(layer.name, pattern)
    )

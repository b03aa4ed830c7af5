"""The channels of a model: on which axes of which weights they are."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pytest_modelbudget.workers.compress.channels.ties import Channels, Ids
from pytest_modelbudget.workers.compress.models.keras_types import Layer, Variable


@dataclass(frozen=True, eq=False)
class WeightAxis:
    """The channels along one axis of a weight.

    Attributes:
        axis: Not negative.
        channels: Their numbers, one for each position on the axis.
        reads: Whether the layer sums over this axis, so that its output does not have the channels.
    """

    axis: int
    channels: Ids
    reads: bool


@dataclass(frozen=True, eq=False)
class Maker:
    """A layer whose output has new channels, its filters or units.

    Attributes:
        layer: The layer.
        kernel: Its weight with the channels.
        axis: The axis of ``kernel`` with the channels.
        channels: Their numbers.
    """

    layer: Layer
    kernel: Variable
    axis: int
    channels: Ids


@dataclass(frozen=True, eq=False)
class TracedCall:
    """One call of a layer in the graph.

    Attributes:
        layer: The layer.
        inputs: The channels on the last axis of each input.
        input_shapes: With the batch axis; None for open sizes.
        output_shape: Likewise.
    """

    layer: Layer
    inputs: tuple[Ids, ...]
    input_shapes: tuple[tuple[int | None, ...], ...]
    output_shape: tuple[int | None, ...]


class Trace:
    """The channels of a model.

    ``roots`` and ``pinned`` are computed once: nothing may be added after they are read.

    Attributes:
        channels: All channels, with their ties.
        makers: The layers that make channels, by name.
        scales: The factors of batch normalization, with the channels that they scale.
        reshaped: The channels on the last axis of the output of each Reshape, by the layer's name.
    """

    def __init__(self) -> None:
        self.channels = Channels()
        self.makers: dict[str, Maker] = {}
        self.scales: list[tuple[Variable, Ids]] = []
        self.reshaped: dict[str, Ids] = {}
        self._axes: dict[Any, dict[int, WeightAxis]] = {}

    @cached_property
    def roots(self) -> Ids:
        """For each channel the number of its root, which all channels tied to it have."""
        return self.channels.roots()

    @cached_property
    def pinned(self) -> dict[int, str]:
        """The reasons why channels must stay, by their root."""
        return self.channels.pinned()

    def make(self, layer: Layer, kernel: Variable, axis: int) -> Ids:
        """Return the channels that ``layer`` makes, the same ones for each call of it."""
        if layer.name not in self.makers:
            channels = self.channels.new(kernel.shape[axis])
            self.makers[layer.name] = Maker(layer, kernel, axis, channels)
        channels = self.makers[layer.name].channels
        self.mark(kernel, axis, channels)
        return channels

    def mark(self, weight: Variable, axis: int, channels: Ids, *, reads: bool = False) -> None:
        """Record the channels on an axis, tied to those that an earlier call recorded."""
        axis %= len(weight.shape)
        marked = self._axes.setdefault(weight.ref(), {})
        if axis in marked:
            self.channels.tie(marked[axis].channels, channels)
        else:
            marked[axis] = WeightAxis(axis, channels, reads)

    def axes(self, weight: Variable) -> tuple[WeightAxis, ...]:
        """Return the axes of ``weight`` with channels; a weight without any is not cut."""
        return tuple(self._axes.get(weight.ref(), {}).values())


class Untraceable(Exception):  # noqa: N818 - not an error: the channels are kept
    """A layer call through which channels cannot be traced."""

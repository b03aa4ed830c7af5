"""What is known of the channels of a model: on which axes of which weights they lie."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pytest_modelbudget.workers.compress.channels.ties import Channels, Ids

# ``tf_keras.Model``, its layers and variables: TensorFlow has no type annotations.
Model = Any
Layer = Any
Variable = Any


@dataclass(frozen=True, eq=False)
class WeightAxis:
    """The channels along one axis of a weight.

    Attributes:
        axis: The axis, counted from the front.
        channels: Their numbers, one for each place on the axis.
        reads: Whether what they carry enters the layer's sums here and goes no further.
    """

    axis: int
    channels: Ids
    reads: bool


@dataclass(frozen=True, eq=False)
class Maker:
    """A layer that makes channels, its filters or units; ``kernel`` has them on ``axis``."""

    layer: Layer
    kernel: Variable
    axis: int
    channels: Ids


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer in the graph, on tensors whose last axes are ``inputs``."""

    layer: Layer
    inputs: tuple[Ids, ...]
    input_shapes: tuple[tuple[int | None, ...], ...]
    output_shape: tuple[int | None, ...]


class Trace:
    """What is known of the channels of a model; once it is read, it must not grow any more.

    Attributes:
        channels: All channels, with their ties.
        makers: The layers that make channels, by name.
        scales: Batch normalization's factors, with the channels they scale.
        reshaped: The channels on the last axis behind each Reshape, by the layer's name.
    """

    def __init__(self) -> None:
        self.channels = Channels()
        self.makers: dict[str, Maker] = {}
        self.scales: list[tuple[Variable, Ids]] = []
        self.reshaped: dict[str, Ids] = {}
        self._axes: dict[Any, dict[int, WeightAxis]] = {}

    @cached_property
    def roots(self) -> Ids:
        """For each channel the number that it shares with all tied to it."""
        return self.channels.roots()

    @cached_property
    def pinned(self) -> dict[int, str]:
        """Why channels must stay, by their root."""
        return self.channels.pinned()

    def make(self, layer: Layer, kernel: Variable, axis: int) -> Ids:
        """Return the channels that ``layer`` makes, the same ones each time it is called."""
        if layer.name not in self.makers:
            channels = self.channels.new(kernel.shape[axis])
            self.makers[layer.name] = Maker(layer, kernel, axis, channels)
        channels = self.makers[layer.name].channels
        self.mark(kernel, axis, channels)
        return channels

    def mark(self, weight: Variable, axis: int, channels: Ids, *, reads: bool = False) -> None:
        """Note which channels lie on an axis; those of an earlier call are tied to them."""
        axis %= len(weight.shape)
        marked = self._axes.setdefault(weight.ref(), {})
        if axis in marked:
            self.channels.tie(marked[axis].channels, channels)
        else:
            marked[axis] = WeightAxis(axis, channels, reads)

    def axes(self, weight: Variable) -> tuple[WeightAxis, ...]:
        """Return the axes of ``weight`` on which channels lie; without any it stays whole."""
        return tuple(self._axes.get(weight.ref(), {}).values())


class Untraceable(Exception):  # noqa: N818 - no error: the channels are kept
    """A call through which channels cannot be followed."""

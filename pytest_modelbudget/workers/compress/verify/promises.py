"""What stages promise of the kernels that they change, carried on to the file that ships.

A stage writes its promises beside its result. They say what was asked for, so that whatever
loses it on the way, a later stage or the conversion, is found out.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.frozen import Sequence as FrozenSequence
from pytest_modelbudget.protocol.jobs import BuildJob
from pytest_modelbudget.workers.compress.training.sparsity_target import TOLERANCE, SparsityTarget
from pytest_modelbudget.workers.tflite.weights import most_unique
from pytest_modelbudget.workers.userdata.datasets import Array

_FILE = "promises.json"
_BEGIN_ANEW = {"distill", "prune_channels"}  # their result is another network
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel as it is found in a model.

    Attributes:
        layers: Those that it may be of, ``outer/inner`` in nested models; () if nothing tells.
        values: As they are stored.
        is_zero: Where the real values are 0, with the axes as Keras has them.
        scaled_axis: The axis of ``values`` along which each channel has a scale of its own, so
            that equal weights are equal numbers only within a channel; None if there is none.
        output_axis: The axis of ``values`` that is the output channel.
    """

    layers: tuple[str, ...]
    values: Array
    is_zero: Array
    scaled_axis: int | None
    output_axis: int

    @classmethod
    def of_keras(cls, layer: str, values: Array) -> "Kernel":
        """Take a variable of a layer."""
        return cls((layer,), values, values == 0, None, values.ndim - 1)

    def has_shape(self, shape: Shape) -> bool:
        """Tell whether it is of a Keras shape, apart from axes of size 1."""
        return _long(self.is_zero.shape) == _long(shape)


class Zeros(Frozen):
    """At least as many zeros as ``target`` asks for."""

    target: SparsityTarget

    def why_broken(self, kernel: Kernel, shape: Shape) -> tuple[str, str] | None:
        """Say what a kernel has and what was promised; None if it keeps the promise."""
        found = self.target.measure(~kernel.is_zero.reshape(shape))
        if found >= self.target.sparsity - TOLERANCE:
            return None
        has = f"sparsity {found:.2f}{self.target.unit}"
        return has, f"the {self.target.sparsity:.2f} it was pruned to"


class FewValues(Frozen):
    """At most ``clusters`` different values, in the kernel or in each output channel."""

    clusters: int
    per_channel: bool

    def why_broken(self, kernel: Kernel, shape: Shape) -> tuple[str, str] | None:
        """As ``Zeros.why_broken``."""
        del shape  # the number of values does not depend on it
        axis = kernel.scaled_axis
        if axis is None and self.per_channel:
            axis = kernel.output_axis
        found = most_unique(kernel.values, axis)
        if found <= self.clusters:
            return None
        where = "" if axis is None else " in an output channel"
        return f"{found} unique values{where}", f"the {self.clusters} it was clustered to"


class Promise(Frozen):
    """What ``stage`` promised of a kernel, of shape ``shape`` in Keras, of a layer."""

    stage: str
    layer: str
    shape: FrozenSequence[int]
    kept: Zeros | FewValues

    def hold(self, kernel: Kernel, where: str, hint: str) -> None:
        """Check a kernel that is, or may be, the one promised.

        Raises:
            JobError: It does not keep the promise.
        """
        broken = self.kept.why_broken(kernel, self.shape)
        if broken:
            found, promised = broken
            cause = f"{self.stage}: layer {self.layer} has {found} {where}, not {promised}"
            raise JobError(cause, hint)


_PROMISES = TypeAdapter(tuple[Promise, ...])


def write(promises: Sequence[Promise], folder: Path) -> None:
    """Keep what a stage promises in ``folder``, beside its result."""
    (folder / _FILE).write_bytes(_PROMISES.dump_json(tuple(promises)))


def read(folder: Path | None) -> tuple[Promise, ...]:
    """Return what ``write`` kept in ``folder``; nothing if it was not called."""
    if folder is None or not (folder / _FILE).exists():
        return ()
    return _PROMISES.validate_json((folder / _FILE).read_bytes())


def carry(job: BuildJob, output: Path) -> None:
    """Add what earlier stages promised to what ``job.stage`` does, unless it begins anew."""
    earlier = () if job.stage.kind in _BEGIN_ANEW else read(job.parent)
    if earlier:
        write((*earlier, *read(output)), output)


def hold_all(promises: Iterable[Promise], kernels: Sequence[Kernel]) -> None:
    """Check the kernels of a ``.tflite`` against all that was promised.

    A kernel that no layer's name is left of counts by its shape. One that is not there any
    more, because the converter has folded it into another, is named in the log.

    Raises:
        JobError: A promise is broken, or not one layer of a stage can be found again.
    """
    found: dict[str, bool] = {}
    for promise in promises:
        kept = _hold_in_tflite(promise, kernels)
        found[promise.stage] = found.get(promise.stage, False) or kept
        if not kept:
            _log(f"{promise.stage}: there is no kernel of layer {promise.layer} in the .tflite")
    for stage, any_kept in found.items():
        if not any_kept:
            cause = f"{stage}: not one layer that it changed can be found in the .tflite"
            raise JobError(cause, f"put {stage} behind the stage that replaces the layers")


def _hold_in_tflite(promise: Promise, kernels: Sequence[Kernel]) -> bool:
    """Check the kernels that may be the promised one; return whether there were any."""
    where = "in the .tflite"
    hint = f"report it with the log, or leave the layer out of {promise.stage} with layers: skip"
    size = int(np.prod(promise.shape))
    named = [each for each in kernels if promise.layer in each.layers and each.values.size == size]
    of_shape = [each for each in named if each.has_shape(promise.shape)]
    for kernel in of_shape or named:
        promise.hold(kernel, where, hint)
    if named:
        return True
    nameless = [each for each in kernels if not each.layers and each.has_shape(promise.shape)]
    if not nameless:
        return False
    if all(promise.kept.why_broken(each, promise.shape) for each in nameless):
        promise.hold(nameless[0], where, hint)
    return True


def _long(shape: Iterable[int]) -> list[int]:
    return [size for size in shape if size > 1]


def _log(text: str) -> None:
    sys.stderr.write(f"{text}\n")

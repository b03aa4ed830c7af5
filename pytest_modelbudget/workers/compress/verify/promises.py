"""Promises of stages about the kernels that they change, verified in the final ``.tflite``.

A stage writes its promises beside its result: which zeros or clusters a kernel has. If a later
stage or the conversion loses them, the build fails.
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
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.workers.compress.training.sparsity_target import TOLERANCE, SparsityTarget
from pytest_modelbudget.workers.tflite.weights import most_unique
from pytest_modelbudget.workers.userdata.datasets import Array

_FILE = "promises.json"
_NEW_NETWORK = {"distill", "prune_channels"}  # the kernels of their result are others
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class StoredKernel:
    """A kernel as a model stores it.

    Attributes:
        layers: The layers that it may belong to, ``outer/inner`` in nested models; empty if no
            name tells.
        values: As the model stores them.
        is_zero: Where the real values are 0, with the axes of Keras.
        scaled_axis: The axis of ``values`` along which each channel has its own scale, so that
            equal weights are stored as equal values within a channel only; None if there is none.
        output_axis: The axis of ``values`` with the output channels.
    """

    layers: tuple[str, ...]
    values: Array
    is_zero: Array
    scaled_axis: int | None
    output_axis: int

    @classmethod
    def of_keras(cls, layer: str, values: Array) -> "StoredKernel":
        """Return the kernel with the values of a Keras layer's variable."""
        return cls((layer,), values, values == 0, None, values.ndim - 1)

    def has_shape(self, shape: Shape) -> bool:
        """Tell whether it has a shape in Keras, apart from axes of size 1."""
        return _long(self.is_zero.shape) == _long(shape)


class Zeros(Frozen):
    """The promise of at least as many zeros as ``target`` requires."""

    target: SparsityTarget

    def why_broken(self, kernel: StoredKernel, shape: Shape) -> tuple[str, str] | None:
        """Return what a kernel has and what was promised, or None if it keeps the promise.

        Args:
            kernel: A kernel of the layer.
            shape: Its shape in Keras.
        """
        found = self.target.measure(~kernel.is_zero.reshape(shape))
        if found >= self.target.sparsity - TOLERANCE:
            return None
        has = f"sparsity {found:.2f}{self.target.unit}"
        return has, f"the {self.target.sparsity:.2f} it was pruned to"


class FewValues(Frozen):
    """The promise of at most ``clusters`` unique values, in a kernel or in each output channel."""

    clusters: int
    per_channel: bool

    def why_broken(self, kernel: StoredKernel, shape: Shape) -> tuple[str, str] | None:
        """Return what a kernel has and what was promised, or None if it keeps the promise."""
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
    """What a stage promised of one kernel.

    Attributes:
        stage: Such as ``prune``.
        layer: The layer of the kernel.
        shape: The shape of the kernel in Keras.
        kept: What was promised.
    """

    stage: str
    layer: str
    shape: FrozenSequence[int]
    kept: Zeros | FewValues

    def verify(self, kernel: StoredKernel, where: str, hint: str) -> None:
        """Verify that a kernel keeps the promise.

        Args:
            kernel: The kernel of the promise, as far as its names tell.
            where: The model that it was found in, for the error message.
            hint: What to do about a broken promise.

        Raises:
            JobError: if it does not keep the promise.
        """
        broken = self.kept.why_broken(kernel, self.shape)
        if broken:
            found, promised = broken
            cause = f"{self.stage}: layer {self.layer} has {found} {where}, not {promised}"
            raise JobError(cause, hint)


_PROMISES = TypeAdapter(tuple[Promise, ...])


def write_promises(promises: Sequence[Promise], folder: Path) -> None:
    """Write the promises of a stage to ``folder``, beside its result."""
    (folder / _FILE).write_bytes(_PROMISES.dump_json(tuple(promises)))


def read_promises(folder: Path | None) -> tuple[Promise, ...]:
    """Return what ``write_promises`` wrote to ``folder``; none if there is no such file."""
    if folder is None or not (folder / _FILE).exists():
        return ()
    return _PROMISES.validate_json((folder / _FILE).read_bytes())


def carry(job: BuildJob, output: Path) -> None:
    """Add the promises of earlier stages to those in ``output``, unless its network is new."""
    earlier = () if job.stage.kind in _NEW_NETWORK else read_promises(job.parent)
    if earlier:
        write_promises((*earlier, *read_promises(output)), output)


def verify_promises(promises: Iterable[Promise], kernels: Sequence[StoredKernel]) -> None:
    """Verify all promises in the kernels of a ``.tflite``.

    A kernel without the name of a layer is found by its shape. If a kernel is missing, because the
    converter folded it into another, the log says so.

    Raises:
        JobError: if a promise is broken, or no kernel of a stage's layers is found.
    """
    found: dict[str, bool] = {}
    for promise in promises:
        is_found = _verify_in_tflite(promise, kernels)
        found[promise.stage] = found.get(promise.stage, False) or is_found
        if not is_found:
            sys.stderr.write(
                f"{promise.stage}: the .tflite has no kernel of layer {promise.layer}\n"
            )
    for stage, any_found in found.items():
        if not any_found:
            cause = f"{stage}: the .tflite has none of the layers that this stage changed"
            raise JobError(cause, f"put {stage} after the stage that replaces the layers")


def _verify_in_tflite(promise: Promise, kernels: Sequence[StoredKernel]) -> bool:
    """Verify the kernels that may be the promised one, and return whether there are any."""
    where = "in the .tflite"
    hint = f"leave the layer out of {promise.stage} with layers: skip, or report it with the log"
    size = int(np.prod(promise.shape))
    named = [each for each in kernels if promise.layer in each.layers and each.values.size == size]
    of_shape = [each for each in named if each.has_shape(promise.shape)]
    for kernel in of_shape or named:
        promise.verify(kernel, where, hint)
    if named:
        return True
    nameless = [each for each in kernels if not each.layers and each.has_shape(promise.shape)]
    if not nameless:
        return False
    if all(promise.kept.why_broken(each, promise.shape) for each in nameless):
        promise.verify(nameless[0], where, hint)
    return True


def _long(shape: Iterable[int]) -> list[int]:
    return [size for size in shape if size > 1]

"""The sparsity that a ``prune`` stage asks for: whether a weight can have it, and has it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_modelbudget.budgetfile.stages import Prune
from pytest_modelbudget.workers.userdata.datasets import Array

TOLERANCE = 0.01  # between the sparsity of a weight tensor and its target


@dataclass(frozen=True)
class SparsityTarget:
    """The zeros that a stage must make.

    Attributes:
        sparsity: The share of zeros, or of zero blocks, from 0 to 1.
        block: The rows and columns of a kernel that become zero together.
        pattern: (m, n) for m zeros in n consecutive weights of one output; or None.
    """

    sparsity: float
    block: tuple[int, int] = (1, 1)
    pattern: tuple[int, int] | None = None

    @classmethod
    def of(cls, stage: Prune) -> "SparsityTarget":
        """Return the target that the parameters of a stage describe."""
        if stage.pattern is not None:
            zeros, group = map(int, stage.pattern.split(":"))
            return cls(zeros / group, pattern=(zeros, group))
        rows, columns = stage.block or (1, 1)
        return cls(stage.sparsity, block=(rows, columns))

    @property
    def unit(self) -> str:
        """What the zeros are counted in, as it follows the number in a message."""
        if self.pattern is not None:
            return " in the pattern {}:{}".format(*self.pattern)
        return "" if self.block == (1, 1) else f" in blocks {list(self.block)}"

    def why_unfit(self, shape: tuple[int, ...]) -> str | None:
        """Return why a weight of a Keras shape cannot have these zeros, or None if it can."""
        if self.pattern is not None:
            return self._why_no_pattern(shape, self.pattern[1])
        if self.block != (1, 1):
            reason = self._why_no_block(shape)
            if reason:
                return reason
        count = int(np.prod(shape)) // int(np.prod(self.block))
        reached = 1 - max(round(count * (1 - self.sparsity)), 1) / count  # Rounded as by tfmot.
        if abs(reached - self.sparsity) <= TOLERANCE:
            return None
        what = "weights" if self.block == (1, 1) else f"blocks {list(self.block)}"
        return (
            f"too small: with {count} {what}, the sparsity nearest to {self.sparsity:.2f} "
            f"is {reached:.2f}"
        )

    def measure(self, weight: Array) -> float:
        """Return the share of zeros in a weight, counted as the target counts them.

        Args:
            weight: An array with the axes of Keras.
        """
        if self.pattern is not None:
            zeros, group = self.pattern
            groups = _by_output(weight).reshape(-1, group)
            return float(np.minimum((groups == 0).sum(axis=1), zeros).mean() / group)
        if self.block == (1, 1):
            return float((weight == 0).mean())
        (height, width), (rows, columns) = weight.shape, self.block
        blocks = weight.reshape(height // rows, rows, width // columns, columns)
        return float((blocks == 0).all(axis=(1, 3)).mean())

    def complete(self, weight: Array) -> Array:
        """Return a weight with the last zeros that the target asks for.

        The masks make them all, but for a few that float32 cannot count in kernels of many thousand
        weights, and those after which a schedule of the user's own ends. A weight that is further
        from the target than ``TOLERANCE`` is returned as it is, because it was not trained for more
        zeros.
        """
        if self.pattern is not None:
            return weight
        rows, columns = self.block
        blocks = weight.reshape(-1, rows, weight.shape[-1] // columns, columns)
        if self.block == (1, 1):
            blocks = weight.reshape(-1, 1, 1, 1)
        sizes = np.abs(blocks).sum(axis=(1, 3)).ravel()
        wanted = min(math.ceil(round(self.sparsity * sizes.size, 6)), sizes.size - 1)
        if not 0 < wanted - int((sizes == 0).sum()) <= max(1, TOLERANCE * sizes.size):
            return weight
        stays = np.ones(sizes.size, weight.dtype)
        stays[np.argsort(sizes, kind="stable")[:wanted]] = 0
        completed: Array = blocks * stays.reshape(len(blocks), 1, -1, 1)
        return completed.reshape(weight.shape)

    def _why_no_block(self, shape: tuple[int, ...]) -> str | None:
        if len(shape) != 2:
            return f"blocks need a kernel of rank 2, and its shape is {shape}"
        # tfmot removes an axis that has only one block, and fails.
        fits = all(
            size % side == 0 and size > side for size, side in zip(shape, self.block, strict=True)
        )
        if fits:
            return None
        return f"its kernel {shape} cannot be divided into blocks {list(self.block)}"

    def _why_no_pattern(self, shape: tuple[int, ...], group: int) -> str | None:
        if len(shape) not in (2, 4):
            return f"a pattern needs a kernel of rank 2 or 4, and its shape is {shape}"
        # tfmot pads the last group, so that it gets fewer zeros.
        if shape[-2] % group:
            return f"its {shape[-2]} inputs cannot be divided into groups of {group}"
        return None


def _by_output(weight: Array) -> Any:
    """Move the input axis of a Dense or Conv2D kernel, the second to last, to the end."""
    return np.moveaxis(weight, -2, -1)

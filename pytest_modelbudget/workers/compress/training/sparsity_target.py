"""What a ``prune`` stage asks of each weight: whether it can have it, and whether it has."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_modelbudget.budgetfile.stages import Prune
from pytest_modelbudget.workers.userdata.datasets import Array

TOLERANCE = 0.01  # of the sparsity of a single weight tensor


@dataclass(frozen=True)
class Target:
    """The zeros asked for.

    Attributes:
        sparsity: Share of zeros, of blocks if they are larger than one weight.
        block: Rows and columns of a kernel that are zero together.
        pattern: m and n for m zeros in n consecutive weights of one output; or None.
    """

    sparsity: float
    block: tuple[int, int] = (1, 1)
    pattern: tuple[int, int] | None = None

    @classmethod
    def of(cls, stage: Prune) -> "Target":
        """Read the parameters of a stage."""
        if stage.pattern is not None:
            zeros, group = map(int, stage.pattern.split(":"))
            return cls(zeros / group, pattern=(zeros, group))
        rows, columns = stage.block or (1, 1)
        return cls(stage.sparsity, block=(rows, columns))

    @property
    def unit(self) -> str:
        """In what the zeros are counted, as messages say it behind the number."""
        if self.pattern is not None:
            return " in the pattern {}:{}".format(*self.pattern)
        return "" if self.block == (1, 1) else f" in blocks {list(self.block)}"

    def why_unfit(self, shape: tuple[int, ...]) -> str | None:
        """Tell why a weight of a shape cannot have these zeros, or return None."""
        if self.pattern is not None:
            return self._why_no_pattern(shape, *self.pattern)
        if self.block != (1, 1):
            reason = self._why_no_block(shape)
            if reason:
                return reason
        count = int(np.prod(shape)) // int(np.prod(self.block))
        reached = 1 - max(round(count * (1 - self.sparsity)), 1) / count  # as tfmot rounds
        if abs(reached - self.sparsity) <= TOLERANCE:
            return None
        what = "weights" if self.block == (1, 1) else f"blocks {list(self.block)}"
        return f"too small: its {count} {what} can be {reached:.2f} sparse, not {self.sparsity:.2f}"

    def measure(self, weight: Array) -> float:
        """Return the share of zeros in a weight, of blocks or in a pattern if asked for so."""
        if self.pattern is not None:
            zeros, group = self.pattern
            groups = _by_output(weight).reshape(-1, group)
            return float(np.minimum((groups == 0).sum(axis=1), zeros).mean() / group)
        if self.block == (1, 1):
            return float((weight == 0).mean())
        (height, width), (rows, columns) = weight.shape, self.block
        blocks = weight.reshape(height // rows, rows, width // columns, columns)
        return float((blocks == 0).all(axis=(1, 3)).mean())

    def _why_no_block(self, shape: tuple[int, ...]) -> str | None:
        if len(shape) != 2:
            return f"a block needs a kernel of rank 2, not of shape {shape}"
        # tfmot squeezes away an axis that has only one block, and fails.
        fits = all(
            size % side == 0 and size > side for size, side in zip(shape, self.block, strict=True)
        )
        return None if fits else f"its kernel {shape} cannot be cut into blocks {list(self.block)}"

    def _why_no_pattern(self, shape: tuple[int, ...], zeros: int, group: int) -> str | None:
        if len(shape) not in (2, 4):
            return f"a pattern needs a kernel of rank 2 or 4, not of shape {shape}"
        # tfmot fills the last group up, so that it gets fewer zeros.
        if shape[-2] % group:
            return f"its {shape[-2]} inputs cannot be cut into groups for {zeros}:{group}"
        return None


def _by_output(weight: Array) -> Any:
    """Bring the inputs of a Dense or Conv2D kernel, its last axis but one, to the end."""
    return np.moveaxis(weight, -2, -1)

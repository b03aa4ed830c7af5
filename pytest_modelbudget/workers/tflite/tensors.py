"""Inputs and outputs of a ``.tflite``, and real values to and from how it stores them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.userdata.datasets import Array


@dataclass(frozen=True)
class Tensor:
    """An input or output; ``shape`` has the batch axis, and -1 for any size.

    ``scale`` is 0 unless it is quantized: then a stored integer ``q`` stands for
    ``(q - zero_point) * scale``.
    """

    name: str
    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    @classmethod
    def from_details(cls, name: str, details: Mapping[str, Any]) -> "Tensor":
        """Read what LiteRT tells about a tensor that has ``name`` in the signature."""
        scale, zero_point = details["quantization"]
        shape = tuple(map(int, details["shape_signature"]))
        dtype: DTypeLike = details["dtype"]
        return cls(name, details["index"], shape, np.dtype(dtype), scale, zero_point)

    def to_stored(self, values: Array) -> Array:
        """Quantize or cast real values to what this input takes.

        Raises:
            JobError: It takes text, or whole numbers or flags and ``values`` has others.
        """
        if self.dtype.kind not in "biufc":
            hint = "convert the model without its text preprocessing"
            raise JobError(f"input {self.name} takes text, and data are numbers", hint)
        if self.scale:
            return self._quantized(values)
        if values.dtype == self.dtype:
            return values
        with np.errstate(invalid="ignore"):  # what does not fit is found below
            stored = values.astype(self.dtype)
        if self.dtype.kind != "f" and not np.array_equal(stored, values):
            wrong = values[stored != values][0]
            raise JobError(
                f"input {self.name} takes {self.dtype}, but x has {values.dtype} values "
                f"such as {wrong}",
                f"give x as {self.dtype}",
            )
        return stored

    def to_real(self, stored: Array) -> Array:
        """Turn quantized values of this output into float32; others are what they are."""
        if not self.scale:
            return stored
        # int16 minus a zero point fits float32 exactly, as do the narrower types.
        real = np.subtract(stored, self.zero_point, dtype=np.float32)
        real *= np.float32(self.scale)
        return real

    def _quantized(self, values: Array) -> Array:
        limits = np.iinfo(self.dtype)
        scaled = np.divide(values, np.float32(self.scale), dtype=np.float32, casting="same_kind")
        np.rint(scaled, out=scaled)
        scaled += self.zero_point
        np.clip(scaled, limits.min, limits.max, out=scaled)
        return scaled.astype(self.dtype)

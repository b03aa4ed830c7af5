"""Inputs and outputs of a ``.tflite``: real values to and from the values that it stores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.userdata.batches import TEXT
from pytest_modelbudget.workers.userdata.datasets import Array

Values = dict[int, Array]
"""Tensors as they are stored, by their index."""


@dataclass(frozen=True)
class TensorDetails:
    """An input or output of a model.

    Attributes:
        name: In the signature, or of the tensor if there is no signature.
        shape: With the batch axis; -1 for any size.
        dtype: Of the stored values.
        scale: 0 if it is not quantized. Else a stored integer ``q`` stands for
            ``(q - zero_point) * scale``.
        zero_point: The stored integer that stands for 0.
        index: Of the tensor in the primary subgraph; -1 for an input of a model that is not
            converted yet.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float = 0.0
    zero_point: int = 0
    index: int = -1

    @classmethod
    def of(cls, name: str, details: Mapping[str, Any]) -> "TensorDetails":
        """Read the details that LiteRT's interpreter returns of a tensor."""
        scale, zero_point = details["quantization"]
        shape = tuple(map(int, details["shape_signature"]))
        dtype: DTypeLike = details["dtype"]
        return cls(name, shape, np.dtype(dtype), scale, zero_point, details["index"])

    def to_stored(self, values: Array) -> Array:
        """Quantize or cast real values to the type of this input.

        Args:
            values: Numbers of any dtype and shape.

        Returns:
            An array of ``dtype`` and of the same shape.

        Raises:
            JobError: if this input takes text, or takes integers or booleans and ``values``
                contains other numbers.
        """
        if values.dtype.kind in TEXT:
            hint = "give x as numbers, or end the recipe in saved_model, which may read text"
            raise JobError(f"input {self.name} takes {self.dtype}, but the data are text", hint)
        if self.dtype.kind not in "biufc":
            hint = "convert the model without its text preprocessing"
            raise JobError(f"input {self.name} takes text, but the data are numbers", hint)
        if self.scale:
            return self._quantized(values)
        if values.dtype == self.dtype:
            return values
        with np.errstate(invalid="ignore"):  # values that do not fit are found below
            stored = values.astype(self.dtype)
        if self.dtype.kind != "f" and not np.array_equal(stored, values):
            wrong = values[stored != values][0]
            raise JobError(
                f"input {self.name} takes {self.dtype}, but x has {values.dtype} values "
                f"such as {wrong}",
                f"give x as {self.dtype}",
            )
        return stored

    def to_served(self, values: Array) -> Array:
        """Return values as TensorFlow takes them: text for text, else as ``to_stored``."""
        is_text = self.dtype.kind == "O" and values.dtype.kind in TEXT
        return values if is_text else self.to_stored(values)

    def to_real(self, stored: Array) -> Array:
        """Return the float32 values of a quantized output; any other output unchanged."""
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

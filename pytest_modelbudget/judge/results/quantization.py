"""Who quantized a ``.tflite``, and what is still float in it."""

from typing import Literal

from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.units.format import format_bytes

_MAX_NAMES = 3
_QUANTIZERS = {"litert": "the LiteRT quantizer", "converter": "TensorFlow's converter"}


class FloatWeights(Frozen):
    """The weights of one layer that quantization left in float.

    Attributes:
        layer: Its name, or that of the operator if the layer is not known.
        dtype: ``float32`` or ``float16``.
        size_bytes: In the file.
    """

    layer: str
    dtype: str
    size_bytes: int


class Quantization(Frozen):
    """Who quantized a ``.tflite``, and what is still float in it.

    Attributes:
        backend: Who quantized it.
        left_float: What is float in the finished file: one entry for each layer, the largest first.
        rejected: Why the other backend's file was not taken, or cannot be made; empty if it was
            not tried.
    """

    backend: Literal["litert", "converter"]
    left_float: Sequence[FloatWeights]
    rejected: str = ""

    @property
    def float_bytes(self) -> int:
        """The bytes of all weights that are still float."""
        return sum(weights.size_bytes for weights in self.left_float)

    @property
    def quantizer(self) -> str:
        """Who quantized it, in words."""
        return _QUANTIZERS[self.backend]

    def summary(self) -> str:
        """Return in one line who quantized, and which weights are still float."""
        floats = self.shown_floats() if self.left_float else ""
        return "; ".join(filter(None, [f"quantized by {self.quantizer}", floats, self.rejected]))

    def shown_floats(self) -> str:
        """Return which weights are still float, with their bytes, the largest first."""
        dtypes = " and ".join(dict.fromkeys(weights.dtype for weights in self.left_float))
        shown = [f"{each.layer} {format_bytes(each.size_bytes)}" for each in self.left_float]
        more = [f"and {len(shown) - _MAX_NAMES} more"] if len(shown) > _MAX_NAMES else []
        names = ", ".join([*shown[:_MAX_NAMES], *more])
        return f"{format_bytes(self.float_bytes)} of weights stay {dtypes}: {names}"

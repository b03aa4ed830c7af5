"""The stage ``quantize``."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from pytest_modelbudget.budgetfile.stages.quantize_aware import QuantizeAware
from pytest_modelbudget.budgetfile.stages.stage import (
    NO_LAYER,
    LayerSelection,
    ParameterProblem,
    StageBase,
    is_tflite,
)
from pytest_modelbudget.budgetfile.types import Data, Source

Scheme = Literal["dynamic", "float16", "int8", "int16x8", "int4"]
SchemeOrFloat = Literal["float32", "dynamic", "float16", "int8", "int16x8", "int4"]


def _layers_form(value: object) -> str:
    if isinstance(value, LayerSelection):
        return "a selection"
    keys = value.keys() if isinstance(value, dict) else {"only"}
    return "a selection" if keys <= {"only", "skip"} else "schemes"


QuantizedLayers = Annotated[
    Annotated[LayerSelection, Tag("a selection")]
    | Annotated[dict[str, SchemeOrFloat], Tag("schemes")],
    Discriminator(_layers_form),
]


class Quantize(StageBase):
    """Post-training quantization of the float ``.tflite``.

    With the backend ``auto`` the LiteRT quantizer makes the file, and where that has float weights,
    TensorFlow's converter makes another: the one with fewer float weights is taken.

    ``layers`` either selects (``only``, ``skip``: the rest stays float), or gives
    single layers a scheme of their own: ``{"dense*": int4, "softmax": float32}``.
    """

    makes = "the .tflite"
    once = True
    gentler = (
        "a gentler `scheme` such as int16x8 or dynamic, `layers: {skip: [...]}`, `quantize_aware` "
        "instead, or calibration data that is more like the real inputs"
    )

    kind: Literal["quantize"] = "quantize"
    scheme: Scheme = "int8"
    io: Literal["float32", "int8", "uint8"] = "float32"
    backend: Literal["auto", "litert", "converter"] = "auto"
    layers: QuantizedLayers = LayerSelection()

    @property
    def needs_calibration(self) -> bool:
        """Whether activations become integers, so that their ranges must be measured."""
        overrides = self.layers.values() if isinstance(self.layers, dict) else ()
        return bool({self.scheme, *overrides} & {"int8", "int16x8"})

    def backends(self, model: Source) -> "tuple[Quantize, ...]":
        """Return the stages with a backend that is not ``auto``, the one to try first before.

        Args:
            model: What the recipe starts from: the converter needs a Keras model or SavedModel.
        """
        if self.backend != "auto":
            return (self,)
        litert, converter = (
            self.model_copy(update={"backend": backend}) for backend in ("litert", "converter")
        )
        return (litert,) if is_tflite(model) or any(converter.problems()) else (litert, converter)

    @property
    def is_encodable(self) -> bool:
        """Whether LiteRT runs kernels of the scheme in sparse encoding."""
        return self.scheme not in ("dynamic", "int4")

    @classmethod
    def conflict_after(cls, earlier: type[StageBase]) -> tuple[str, str] | None:
        """Return what is wrong with this stage behind ``earlier``, and what to write instead."""
        if earlier is QuantizeAware:
            what = "is not needed, because quantize_aware already quantizes"
            return what, "leave one of them out"
        return super().conflict_after(earlier)

    def problems(self) -> Iterator[ParameterProblem]:
        """Yield parameters that exclude each other."""
        if "layers" in self.model_fields_set:
            yield from self._layers_problems()
        yield from self._io_problems()
        if self.backend == "converter" and self.layers != LayerSelection():
            what = "the converter quantizes all layers alike"
            yield ParameterProblem("layers", what, "write backend: litert")
        if self.backend == "converter" and self.scheme == "int4":
            yield ParameterProblem(
                "backend", "the converter does not support int4", "write backend: litert"
            )

    def data_read(self, data: Data) -> Data:
        """Return the samples for calibration: the data's own, or the first of the training."""
        if not self.needs_calibration:
            return Data()
        return Data(calibration=data.calibration) if data.calibration else Data(train=data.train)

    def needs_tensorflow(self, model: Source) -> bool:  # noqa: ARG002
        """Tell whether TensorFlow's converter quantizes, not the LiteRT quantizer."""
        return self.backend == "converter"

    def _io_problems(self) -> Iterator[ParameterProblem]:
        if self.io == "float32" or self.scheme == "int8":
            return
        if self.scheme != "int16x8":
            what = f"scheme {self.scheme} has float32 inputs and outputs, not {self.io}"
            yield ParameterProblem("io", what, "leave it out, or write scheme: int8")
        elif self.io == "uint8":
            what = "LiteRT cannot convert uint8 to the int16 activations of int16x8"
            yield ParameterProblem("io", what, "write io: int8, or leave it out")
        elif self.backend == "converter":
            what = "the converter gives int16x8 float32 inputs and outputs only"
            yield ParameterProblem("io", what, "leave it out, or write backend: litert")

    def _layers_problems(self) -> Iterator[ParameterProblem]:
        if isinstance(self.layers, LayerSelection):
            yield from self.layers.problems()
        elif not self.layers:
            yield NO_LAYER

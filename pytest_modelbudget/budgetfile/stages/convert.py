"""The stage ``convert``."""

from typing import Literal

from pytest_modelbudget.budgetfile.stages.stage import StageBase
from pytest_modelbudget.budgetfile.types import Source


class Convert(StageBase):
    """How the ``.tflite`` is written."""

    needs_keras = True
    makes = "the .tflite"
    once = True

    kind: Literal["convert"] = "convert"
    sparse: bool = False

    def needs_tensorflow(self, model: Source) -> bool:
        """Tell whether a Keras model is converted; sparse encoding works on the ``.tflite``."""
        return not self.sparse and super().needs_tensorflow(model)

"""The stage ``quantize_aware``."""

from typing import Literal

from pytest_modelbudget.budgetfile.stages.stage import LayerStage
from pytest_modelbudget.budgetfile.types import Positive, PositiveFloat


class QuantizeAware(LayerStage):
    """Quantization-aware training (Jacob et al. 2018, arXiv:1712.05877)."""

    trains = True
    needs_keras = True
    once = True
    gentler = "more `epochs`, another `learning_rate`, or `layers: {skip: [...]}`"

    kind: Literal["quantize_aware"] = "quantize_aware"
    epochs: Positive = 1
    learning_rate: PositiveFloat | None = None

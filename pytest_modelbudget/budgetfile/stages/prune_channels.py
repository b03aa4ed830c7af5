"""The stage ``prune_channels``."""

from typing import Literal

from pytest_modelbudget.budgetfile.stages.stage import Fraction, LayerStage
from pytest_modelbudget.budgetfile.types import Positive


class PruneChannels(LayerStage):
    """Structured pruning: whole filters and units go, a smaller dense model is fine-tuned."""

    trains = True
    needs_keras = True
    starts_anew = True
    gentler = "a smaller `fraction`, more `epochs`, or `layers: {skip: [...]}`"
    loses = frozenset({"prune", "cluster", "quantize_aware"})

    kind: Literal["prune_channels"] = "prune_channels"
    fraction: Fraction = 0.5
    criterion: Literal["l1", "l2", "batch_norm"] = "l1"
    epochs: Positive = 8

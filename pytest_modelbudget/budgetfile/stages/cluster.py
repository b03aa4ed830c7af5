"""The stage ``cluster``."""

from typing import Annotated, Literal

from pydantic import Field

from pytest_modelbudget.budgetfile.stages.stage import LayerStage
from pytest_modelbudget.budgetfile.types import Positive


class Cluster(LayerStage):
    """Weight clustering; keeps the sparsity that an earlier stage made."""

    trains = True
    needs_keras = True
    loses = frozenset({"quantize_aware"})
    size_unchanged = ("clustering", "repeated values")
    gentler = (
        "a lower `training.learning_rate`, more `clusters`, more `epochs`, or "
        "`layers: {skip: [...]}`"
    )

    kind: Literal["cluster"] = "cluster"
    clusters: Annotated[int, Field(ge=2)] = 16
    init: Literal["linear", "random", "density", "kmeans++"] = "kmeans++"
    per_channel: bool = False
    epochs: Positive = 2

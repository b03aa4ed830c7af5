"""The stages of a recipe: one class each, with its parameters, defaults and facts."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from pytest_modelbudget.budgetfile.stages.cluster import Cluster
from pytest_modelbudget.budgetfile.stages.convert import Convert
from pytest_modelbudget.budgetfile.stages.distill import Distill
from pytest_modelbudget.budgetfile.stages.prune import Prune
from pytest_modelbudget.budgetfile.stages.prune_channels import PruneChannels
from pytest_modelbudget.budgetfile.stages.quantize import Quantize
from pytest_modelbudget.budgetfile.stages.quantize_aware import QuantizeAware
from pytest_modelbudget.budgetfile.stages.saved_model import KerasFile, SavedModel, ServedStage
from pytest_modelbudget.budgetfile.stages.stage import LayerSelection, StageBase
from pytest_modelbudget.budgetfile.stages.user_stage import UserStage

__all__ = [
    "STAGES",
    "Cluster",
    "Convert",
    "Distill",
    "KerasFile",
    "LayerSelection",
    "Prune",
    "PruneChannels",
    "Quantize",
    "QuantizeAware",
    "SavedModel",
    "ServedStage",
    "Stage",
    "UserStage",
    "stage_type",
]

BuiltInStage = (
    Prune
    | PruneChannels
    | Distill
    | Cluster
    | QuantizeAware
    | Quantize
    | Convert
    | SavedModel
    | KerasFile
)
Stage = Annotated[BuiltInStage | UserStage, Field(discriminator="kind")]

STAGES: Mapping[str, type[StageBase]] = MappingProxyType(
    {
        "prune": Prune,
        "prune_channels": PruneChannels,
        "distill": Distill,
        "cluster": Cluster,
        "quantize_aware": QuantizeAware,
        "quantize": Quantize,
        "convert": Convert,
        "saved_model": SavedModel,
        "keras_file": KerasFile,
    }
)
"""The stages that a recipe calls by name, by that name."""


def stage_type(kind: str) -> type[StageBase]:
    """Return the class of the stages of ``kind``, a key of ``STAGES`` or ``call``."""
    return STAGES.get(kind, UserStage)

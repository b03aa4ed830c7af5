"""Recipes by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import yaml

from pytest_modelbudget.budgetfile.stages import Cluster, Prune, Quantize, QuantizeAware, Stage

PRESETS: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
    {
        "float32": (),
        "dynamic": (Quantize(scheme="dynamic"),),
        "float16": (Quantize(scheme="float16"),),
        "int8": (Quantize(scheme="int8"),),
        "int16x8": (Quantize(scheme="int16x8"),),
        "int4": (Quantize(scheme="int4"),),
        "prune": (Prune(),),
        "cluster": (Cluster(),),
        "qat": (QuantizeAware(),),
        "prune_int8": (Prune(), Quantize(scheme="int8")),
        "prune_cluster_qat": (Prune(), Cluster(), QuantizeAware()),
    }
)


def render(preset: str) -> str:
    """Return the stages of ``preset`` as YAML that can be copied into a budget file."""
    recipe = [{stage.kind: _parameters(stage)} for stage in PRESETS[preset]]
    text: str = yaml.safe_dump(
        {"recipe": recipe}, sort_keys=False, default_flow_style=None, width=1000
    )
    return text


def _parameters(stage: Stage) -> dict[str, Any]:
    """Return the parameters of ``stage`` that have a value."""
    written = stage.model_dump(mode="json", exclude={"kind", "layers"})
    return {name: value for name, value in written.items() if value is not None}

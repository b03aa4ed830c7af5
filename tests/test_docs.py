import re
from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.presets import PRESETS
from pytest_modelbudget.budgetfile.stages import STAGES

RECIPES = (Path(__file__).parents[1] / "docs" / "recipes.md").read_text()


@pytest.mark.parametrize(
    "name", ["prune", "prune_channels", "distill", "cluster", "quantize_aware"]
)
def test_the_parameters_and_defaults_of_each_stage_are_those_documented(name: str) -> None:
    [row] = re.findall(rf"^\| `{name}` \| (`(?!quantize).*:.*) \|$", RECIPES, re.MULTILINE)
    for parameter, field in STAGES[name].model_fields.items():
        if isinstance(field.default, bool | int | float | str) and parameter != "kind":
            default = str(field.default).lower().removesuffix(".0")
            assert f"`{parameter}: {default}`" in row
        elif parameter != "kind":
            assert f"`{parameter}" in row


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_documented(preset: str) -> None:
    assert f"`{preset}`" in RECIPES.partition("## Presets")[2].partition("## Stages")[0]

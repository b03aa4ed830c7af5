import ast
import re
from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.presets import PRESETS
from pytest_modelbudget.budgetfile.stages import STAGES

ROOT = Path(__file__).parents[1]
RECIPES = (ROOT / "docs" / "recipes.md").read_text()
TRAPS = (ROOT / "docs" / "traps.md").read_text()


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


def test_every_trap_cites_a_test_that_pytest_runs() -> None:
    rows = [line for line in TRAPS.splitlines() if re.match(r"\| (?!trap |---)", line)]
    cited = [re.search(r"\| `(tests/[\w/]+/test_\w+\.py)::(test_\w+)` \|$", row) for row in rows]
    assert len(rows) > 40
    for row, test in zip(rows, cited, strict=True):
        assert test, f"cites no test: {row}"
        tree = ast.parse((ROOT / test[1]).read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert test[2] in functions, f"{test[1]} has no {test[2]}"

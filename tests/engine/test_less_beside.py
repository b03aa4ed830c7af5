"""What a failing size suggests where TensorFlow serves the artifact."""

from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.engine.other_endings import other_endings, why_same_size

BUDGET = """\
version: 1
model: m:f
data: {{train: m:a}}
budget: {{max_bytes: 5}}
recipe: [prune, {stage}]
"""


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("saved_model", ["saved_model: {weights: float16}", "saved_model: {assets: used}"]),
        ("saved_model: {weights: float16, assets: used}", []),
        (
            "saved_model: {strip: [debug_info, default_attributes], assets: used}",
            [
                "saved_model: {strip: [optimizer, debug_info, default_attributes], assets: used}",
                "saved_model: {strip: [training_functions, debug_info, default_attributes], "
                "assets: used}",
                "saved_model: {assets: used}",
                "saved_model: {weights: float16, assets: used}",
            ],
        ),
        ("keras_file", []),
        ("keras_file: {strip: []}", ["keras_file"]),
    ],
)
def test_less_beside_the_model_is_suggested(
    stage: str, expected: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "m.budget.yaml"
    path.write_text(BUDGET.format(stage=stage))
    (budget,) = load(path)
    endings = list(other_endings(budget.recipe, budget.span))
    assert [ending.written for ending in endings] == expected
    # What is suggested is what is built: read it as it is written.
    for ending in endings:
        path.write_text(BUDGET.format(stage=ending.written))
        (again,) = load(path)
        stages = [located.stage for located in ending.recipe]
        assert [located.stage for located in again.recipe] == stages
    assert why_same_size(budget.recipe) == ""

"""A stream through pytest: each sample continues from the state that the one before left."""

from pathlib import Path

import pytest

from tests.conftest import once
from tests.recipes import streaming
from tests.recipes.conftest import Gate

pytestmark = pytest.mark.tensorflow

BUDGET = """
version: 1
model: {model}
data: {{test: tests.recipes.streaming:test, calibration: tests.recipes.streaming:calibration}}
budget: {{min_accuracy: 0.95}}
variants:
  float32: {{recipe: float32}}
  int8: {{recipe: int8, budget: {{max_accuracy_drop: 2 pp}}}}
  int16x8: {{recipe: int16x8, budget: {{max_accuracy_drop: 2 pp}}}}
"""


def test_a_quantized_stream_remembers_what_it_was_trained_to(gate: Gate, shared: Path) -> None:
    model = once(shared / "streaming.keras", streaming.train)
    gated = gate(BUDGET.format(model=model))
    assert gated.outcomes() == {
        "recipes.budget.yaml::float32::min_accuracy": "PASSED",
        "recipes.budget.yaml::int8::min_accuracy": "PASSED",
        "recipes.budget.yaml::int8::max_accuracy_drop": "PASSED",
        "recipes.budget.yaml::int16x8::min_accuracy": "PASSED",
        "recipes.budget.yaml::int16x8::max_accuracy_drop": "PASSED",
    }, gated.result.output

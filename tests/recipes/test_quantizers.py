"""Recurrent layers and tables through ``quantize``, which chooses who quantizes them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_modelbudget.workers.tflite.tflite_file import parse
from pytest_modelbudget.workers.tflite.weights import read_weights
from tests.recipes.conftest import Gate, Gated

pytestmark = pytest.mark.tensorflow

BUDGET = """
version: 1
model: none.keras
data: {{train: tests.recipes.models:train, test: tests.recipes.models:test}}
variants:
  loop_int8: {{model: {lstm_keras}, recipe: int8, budget: &drop {{max_accuracy_drop: 3 pp}}}}
  loop_int16x8: {{model: {lstm_keras}, recipe: int16x8, budget: *drop}}
  fused_int8: {{model: {lstm_tf_keras}, recipe: int8, budget: *drop}}
  fused_litert: {{model: {lstm_tf_keras}, recipe: [quantize: {{backend: litert}}], budget: *drop}}
  fused_converter:
    {{model: {lstm_tf_keras}, recipe: [quantize: {{backend: converter}}], budget: *drop}}
  mobile_int16x8: {{model: {activations_keras}, recipe: int16x8, budget: *drop}}
  fused_int16x8: {{model: {lstm_tf_keras}, recipe: int16x8, budget: *drop}}
  fused_moved:
    model: {lstm_keras}
    recipe: ["tests.recipes.own:blind": {{layer: digit, share: 0}}, quantize: {{}}]
    budget: *drop
  table_int8: {{model: {embedded_keras}, recipe: int8, budget: *drop}}
  table_dynamic: {{model: {embedded_keras}, recipe: dynamic, budget: *drop}}
  table_int16x8: {{model: {embedded_keras}, recipe: int16x8, budget: *drop}}
  table_moved:
    model: {embedded_keras}
    recipe: ["tests.recipes.own:blind": {{layer: digit, share: 0}}, quantize: {{}}]
    budget: *drop
  table_float16: {{model: {embedded_keras}, recipe: float16, budget: *drop}}
  broken:
    model: "tests.recipes.own:total"
    data: {{calibration: "tests.recipes.own:halves"}}
    recipe: int8
    budget: {{max_bytes: 2 kB}}
"""
LITERT, CONVERTER = "quantized by the LiteRT quantizer", "quantized by TensorFlow's converter"
LSTM = "12,288 B of weights stay float32: lstm 12,288 B"
TABLE = "544 B of weights stay float32: table 544 B"
SMALL = "2,464 B of weights stay float32: digit 1,920 B, table 544 B"
REPORTED = {
    "loop_int8": LITERT,
    "loop_int16x8": LITERT,
    "fused_int8": f"{CONVERTER}; with the LiteRT quantizer, {LSTM}",
    "fused_litert": f"{LITERT}; {LSTM}",
    "fused_converter": CONVERTER,
    "mobile_int16x8": LITERT,
    "fused_int16x8": f"{LITERT}; {LSTM}; LiteRT has no LSTM operator of int16 activations",
    "fused_moved": f"{CONVERTER}; with the LiteRT quantizer, {LSTM}",
    "table_int8": LITERT,
    "table_dynamic": f"{LITERT}; {TABLE}; with TensorFlow's converter, {SMALL}",
    "table_moved": LITERT,
    "table_float16": f"{CONVERTER}; with the LiteRT quantizer, {TABLE}",
}


@pytest.fixture(scope="module")
def gated(gate: Gate, trained: Callable[[str, str], Path]) -> Gated:
    models = {
        f"{name}_{generation}": trained(name, generation)
        for name, generation in [
            ("lstm", "keras"),
            ("lstm", "tf_keras"),
            ("embedded", "keras"),
            ("activations", "keras"),
        ]
    }
    return gate(BUDGET.format(**models))


def test_every_variant_is_built_and_its_accuracy_holds(gated: Gated) -> None:
    variants = [*REPORTED, "table_int16x8"]
    items = [f"recipes.budget.yaml::{variant}::max_accuracy_drop" for variant in variants]
    found = gated.outcomes()
    assert {item: found.get(item) for item in items} == dict.fromkeys(items, "PASSED"), (
        gated.result.output
    )


def test_the_report_names_who_quantized_and_what_is_still_float(gated: Gated) -> None:
    reported = _reported(gated)
    assert {variant: reported.get(variant) for variant in REPORTED} == REPORTED


def test_a_cause_that_both_quantizers_have_is_told_once(gated: Gated) -> None:
    assert gated.outcomes()["recipes.budget.yaml::broken::max_bytes"] == "ERROR"
    gated.result.has(
        "halves: input left needs samples of shape (4,), but x has samples of shape (2,)"
    )
    assert "with backend: converter" not in gated.result.output


def _reported(gated: Gated) -> dict[str, str]:
    pattern = r"^recipes.budget.yaml (\w+) .*\n  (quantized by .*)"
    return dict(re.findall(pattern, gated.result.output, re.MULTILINE))


@pytest.mark.parametrize("variant", REPORTED)
def test_what_the_report_says_is_in_the_file(variant: str, gated: Gated) -> None:
    weights = list(read_weights(parse(gated.model(variant).read_bytes())))
    floats = sum(each.values.nbytes for each in weights if each.dtype == "float32")
    said = re.search(r"; ([\d,]+) B of weights", REPORTED[variant])
    assert floats == (int(said[1].replace(",", "")) if said else 0)

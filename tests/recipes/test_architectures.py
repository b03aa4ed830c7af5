"""Architectures that tfmot refuses or breaks, through all stages that train and through pytest.

They end in a ``.tflite`` that is sparse, clustered and integer wherever the stages could take the
layer, and float where they could not. A model has several of the structures, so that few have to be
built; ``STORED`` tells what became of each layer.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_modelbudget.workers.tflite.tflite_file import (
    operator_name,
    operators,
    parse,
    tensor_type,
)
from tests.recipes.conftest import Gate, Gated
from tests.recipes.reading import read

pytestmark = pytest.mark.tensorflow

BUDGET = """
version: 1
model: none.keras
data: {train: tests.recipes.models:train, test: tests.recipes.models:test}
recipe: [prune: &half {sparsity: 0.5, epochs: 1}, cluster: &few {epochs: 1}, quantize_aware: {}]
budget: {max_accuracy_drop: 15 pp}
variants:
"""
HALVES = "{train: tests.recipes.models:train_halves, test: tests.recipes.models:test_halves}"
MODELS = {
    "branched": f"data: {HALVES}",
    "sequences": "",
    # Activations are nothing to pruning.
    "activations": "recipe: [cluster: *few, quantize_aware: {}]",
}
OWN = {"subclassed": "int8", "own_layer": "[prune: *half, quantize_aware: {}]"}


@pytest.fixture(scope="module")
def gated(gate: Gate, trained: Callable[[str], Path]) -> Gated:
    lines = [
        f"  {name}: {{model: {trained(name)}, recipe: {recipe},"
        " imports: [tests.recipes.subclassed]}"
        for name, recipe in OWN.items()
    ]
    lines += [f"  {name}: {{model: {trained(name)}, {own}}}" for name, own in MODELS.items()]
    return gate(BUDGET + "\n".join(lines))


def test_every_architecture_is_built_and_its_accuracy_holds(gated: Gated) -> None:
    items = [f"recipes.budget.yaml::{variant}::max_accuracy_drop" for variant in [*OWN, *MODELS]]
    assert gated.outcomes() == dict.fromkeys(items, "PASSED"), gated.result.output


# How each kernel of a convolution or dense layer is stored, in the order of the graph.
STORED = {
    "branched": ["int8"] * 6,
    "sequences": ["float32"] * 5 + ["int8"] * 2,
    "activations": ["int8"] * 6,
}


@pytest.mark.parametrize("variant", MODELS)
def test_what_the_stages_took_is_sparse_clustered_and_integer(variant: str, gated: Gated) -> None:
    kernels = read(gated.model(variant)).kernels
    assert [kernel.dtype for kernel in kernels] == STORED[variant]
    for kernel in kernels:
        if variant != "activations":
            assert kernel.sparsity == pytest.approx(0.5, abs=0.01)
        assert kernel.unique_in_a_channel <= 16


def test_a_layer_of_the_users_own_is_quantized_but_not_trained_for_it(gated: Gated) -> None:
    kernels = read(gated.model("own_layer")).kernels
    assert [kernel.dtype for kernel in kernels] == ["int8"] * 3
    assert [round(kernel.sparsity, 1) for kernel in kernels] == [0.5, 0, 0.5]
    gated.result.has("quantization-aware training does not support Block (own)")


def test_activations_are_integer_where_litert_has_such_an_operator(gated: Gated) -> None:
    model = parse(gated.model("activations").read_bytes())
    types = {
        operator_name(model, operator): tensor_type(graph.tensors[operator.outputs[0]])
        for operator, graph in operators(model)
    }
    assert types["HARD_SWISH"] == types["LOGISTIC"] == "int8"
    gated.result.has(
        "quantization-aware training does not support its activation hard_sigmoid "
        "(features/gate/activation)"
    )


def test_attention_stays_float_and_is_named(gated: Gated) -> None:
    assert read(gated.model("sequences")).kernels[1].dtype == "float32"
    gated.result.has("quantization-aware training does not support MultiHeadAttention (attend)")


def test_recurrent_layers_stay_what_they_are(gated: Gated) -> None:
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in read(gated.model("sequences")).operators

"""Architectures that tfmot refuses or breaks, through the longest preset and through pytest.

``prune_cluster_qat`` ends in a ``.tflite`` that is sparse, clustered and integer wherever its
stages could take the layer, and float where they could not.
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
recipe: prune_cluster_qat
budget: {max_accuracy_drop: 15 pp}
variants:
"""
HALVES = "{train: tests.recipes.models:train_halves, test: tests.recipes.models:test_halves}"
# tf_keras where models of Keras 3 take another way: they are moved, these are not.
MODELS = {
    "standalone_norm": ["keras"],
    "lstm": ["keras", "tf_keras"],
    "residual": ["keras"],
    "two_inputs": ["keras"],
    "nested": ["keras", "tf_keras"],
    "attention": ["keras"],
    "activations": ["keras"],
}
OWN = {"subclassed": "int8", "own_layer": "qat"}
VARIANTS = [f"{name}_{each}" for name, generations in MODELS.items() for each in generations]


@pytest.fixture(scope="module")
def gated(gate: Gate, trained: Callable[[str, str], Path]) -> Gated:
    lines = [
        f"  {name}: {{model: {trained(name, 'keras')}, recipe: {recipe},"
        " imports: [tests.recipes.subclassed]}"
        for name, recipe in OWN.items()
    ]
    for name, generations in MODELS.items():
        own = f", data: {HALVES}" if name == "two_inputs" else ""
        if name == "lstm":
            own = ", training: {batch_size: 8}"  # it needs more steps than the others
        lines += [f"  {name}_{each}: {{model: {trained(name, each)}{own}}}" for each in generations]
    return gate(BUDGET + "\n".join(lines))


def test_every_architecture_is_built_and_its_accuracy_holds(gated: Gated) -> None:
    items = [f"recipes.budget.yaml::{variant}::max_accuracy_drop" for variant in [*OWN, *VARIANTS]]
    assert gated.outcomes() == dict.fromkeys(items, "PASSED"), gated.result.output


# How each kernel of a convolution or dense layer is stored, in the order of the graph.
STORED = {
    "standalone_norm": ["int8"] * 3,
    "lstm": ["int8"] * 2,
    "residual": ["int8"] * 6,
    "two_inputs": ["int8"] * 4,
    "nested": ["int8"] * 3,
    "attention": ["float32"] * 5 + ["int8"] * 2,
    "activations": ["int8"] * 6,
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_the_stages_took_is_sparse_clustered_and_integer(variant: str, gated: Gated) -> None:
    kernels = read(gated.model(variant)).kernels
    name = variant.removesuffix("_keras").removesuffix("_tf")
    assert [kernel.dtype for kernel in kernels] == STORED[name]
    for kernel in kernels:
        assert kernel.sparsity == pytest.approx(0.8, abs=0.01)
        assert kernel.unique_in_a_channel <= 16


def test_a_layer_of_the_users_own_is_quantized_but_not_trained_for_it(gated: Gated) -> None:
    kernels = read(gated.model("own_layer")).kernels
    assert [kernel.dtype for kernel in kernels] == ["int8"] * 3
    gated.result.has("quantization-aware training does not support Block (own)")


def test_activations_are_integer_where_litert_has_such_an_operator(gated: Gated) -> None:
    model = parse(gated.model("activations_keras").read_bytes())
    types = {
        operator_name(model, operator): tensor_type(graph.tensors[operator.outputs[0]])
        for operator, graph in operators(model)
    }
    assert types["HARD_SWISH"] == types["LOGISTIC"] == "int8"
    gated.result.has(
        "quantization-aware training does not support its activation hard_sigmoid (gate/activation)"
    )


def test_recurrent_layers_stay_what_they_are(gated: Gated) -> None:
    for name in ("lstm_keras", "lstm_tf_keras"):
        assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in read(gated.model(name)).operators

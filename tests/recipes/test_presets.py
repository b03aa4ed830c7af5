"""Every preset through pytest, on a trained model; what it did is read from the ``.tflite``."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.presets import PRESETS
from tests.recipes.conftest import Gate, Gated
from tests.recipes.reading import Opened, read

pytestmark = pytest.mark.tensorflow

BUDGET = """
version: 1
model: {model}
data: {{train: tests.recipes.models:train, test: tests.recipes.models:test}}
budget: {{min_accuracy: 0.8}}
variants:
"""
SPARSE = ("prune", "prune_int8", "prune_cluster_qat")
STRUCTURE = dict.fromkeys(SPARSE, ", budget: {min_sparsity: 0.79}")
# How each kernel is stored, and what it is multiplied with.
STORED = {
    "float32": ("float32", "float32"),
    "dynamic": ("int8", "float32"),
    "float16": ("float16", "float32"),
    "int8": ("int8", "int8"),
    "int16x8": ("int8", "int16"),
    "int4": ("int8", "float32"),
    "prune": ("float32", "float32"),
    "cluster": ("float32", "float32"),
    "qat": ("int8", "int8"),
    "prune_int8": ("int8", "int8"),
    "prune_cluster_qat": ("int8", "int8"),
}
FLOAT = "CONV_2D MAX_POOL_2D CONV_2D MAX_POOL_2D RESHAPE FULLY_CONNECTED FULLY_CONNECTED SOFTMAX"


@pytest.fixture(scope="module")
def gated(gate: Gate, trained: Callable[[str], Path]) -> Gated:
    variants = [
        f"  {preset}: {{recipe: {preset}{STRUCTURE.get(preset, '')}}}" for preset in PRESETS
    ]
    return gate(BUDGET.format(model=trained("cnn")) + "\n".join(variants))


@pytest.fixture(params=PRESETS)
def preset(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def opened(gated: Gated, preset: str) -> Opened:
    return read(gated.model(preset))


def test_every_preset_is_built_and_its_limits_hold(gated: Gated) -> None:
    items = [f"recipes.budget.yaml::{preset}::min_accuracy" for preset in PRESETS]
    items += [f"recipes.budget.yaml::{preset}::min_sparsity" for preset in SPARSE]
    assert gated.outcomes() == dict.fromkeys(items, "PASSED"), gated.result.output


def test_kernels_and_activations_have_the_types_of_the_preset(opened: Opened, preset: str) -> None:
    found = {(kernel.dtype, kernel.activations) for kernel in opened.kernels}
    assert found == {STORED[preset]}
    assert opened.ends == ("float32", "float32")
    between = [name for name in opened.operators if name not in ("QUANTIZE", "DEQUANTIZE")]
    assert between == FLOAT.split()
    if STORED[preset][1] != "float32":
        assert opened.operators == ("QUANTIZE", *between, "DEQUANTIZE")
    if preset == "int4":
        assert max(abs(int(v)) for kernel in opened.kernels for v in np.unique(kernel.values)) == 7


def test_kernels_are_as_sparse_as_the_preset_says(
    gated: Gated, opened: Opened, preset: str
) -> None:
    found = [kernel.sparsity for kernel in opened.kernels]
    if preset in SPARSE:
        assert found == pytest.approx([0.8] * 4, abs=0.01)
        together = np.concatenate([kernel.values.ravel() for kernel in opened.kernels])
        zeros = float((together == 0).mean())
        assert gated.measured(preset, "min_sparsity") == pytest.approx(zeros, abs=1e-4)
    else:
        assert max(found) < 0.2


def test_kernels_have_as_many_values_as_the_preset_says(opened: Opened, preset: str) -> None:
    first, second, dense, digit = opened.kernels
    if "cluster" in preset:
        # A convolution is multiplied channel by channel with what follows it or scales it.
        assert 12 < min(dense.unique, digit.unique) <= max(dense.unique, digit.unique) <= 16
        assert max(first.unique_in_a_channel, second.unique_in_a_channel) <= 16
    else:
        assert second.unique_in_a_channel > 16 or preset == "int4"


def test_files_become_as_small_as_the_preset_says(gated: Gated) -> None:
    files = {preset: gated.model(preset).read_bytes() for preset in PRESETS}
    share = {preset: len(file) / len(files["float32"]) for preset, file in files.items()}
    assert share["float16"] < 0.6
    assert max(share[preset] for preset in ("dynamic", "int8", "int16x8", "qat")) < 0.45
    assert share["int4"] < 0.3
    # The zeros and the repeated values are stored like any other, and show in a download.
    packed = {preset: len(gzip.compress(file, 9)) for preset, file in files.items()}
    assert share["prune"] == pytest.approx(share["cluster"]) == pytest.approx(1, abs=0.01)
    assert max(packed["prune"], packed["cluster"]) < 0.5 * packed["float32"]
    assert packed["prune_int8"] < 0.75 * packed["int8"]
    assert packed["prune_cluster_qat"] < packed["prune_int8"]

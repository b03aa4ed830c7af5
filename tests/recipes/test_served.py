"""Recipes that end in a SavedModel or a ``.keras`` file, through pytest on a trained model."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import once
from tests.recipes.conftest import Gate, Gated
from tests.recipes.served import export_with_adam, size_bytes

pytestmark = pytest.mark.tensorflow

BUDGET = """
version: 1
model: {folder}
data: {{train: tests.recipes.models:train, test: tests.recipes.models:test}}
budget: {{max_bytes: 75 kB}}
variants:
  folder: {{recipe: [saved_model], budget: {{max_gzip_bytes: 40 kB}}}}
  again: {{recipe: [saved_model: {{assets: used}}]}}
  whole: {{recipe: [saved_model: {{strip: []}}]}}
  no_slots: {{recipe: [saved_model: {{strip: [optimizer]}}], budget: {{max_bytes: 110 kB}}}}
  slots: {{recipe: [saved_model: {{strip: [training_functions]}}], budget: {{max_bytes: 250 kB}}}}
  half: {{recipe: [saved_model: {{weights: float16}}]}}
  keras: {{model: {model}, recipe: [keras_file]}}
  keras_whole: {{model: {model}, recipe: [keras_file: {{strip: []}}]}}
"""


@pytest.fixture(scope="session")
def folder(trained: Callable[[str], Path], shared: Path) -> Path:
    """Return a SavedModel of the trained CNN, with the slots of Adam."""
    return once(shared / "cnn_saved_model", partial(export_with_adam, trained("cnn")))


@pytest.fixture(scope="module")
def gated(gate: Gate, trained: Callable[[str], Path], folder: Path) -> Gated:
    return gate(BUDGET.format(model=trained("cnn"), folder=folder))


def measured(gated: Gated, variant: str, limit: str = "max_bytes") -> float:
    return gated.measured(variant, limit)


def test_a_saved_model_is_stripped_to_what_inference_reads(gated: Gated, folder: Path) -> None:
    variables = 7_136 * 4  # of the CNN: kernels, biases, and the four of the normalization
    found = measured(gated, "folder")
    assert variables < found < variables + 45_000
    assert found < size_bytes(folder) / 2.5
    assert measured(gated, "folder", "max_gzip_bytes") < found
    assert measured(gated, "no_slots") < measured(gated, "slots") - 2 * variables


def kernel_bytes(gated: Gated, variant: str) -> int:
    shown = re.search(
        rf" {variant} .*\n +bytes: .*?kernel variables ([\d,]+) B", gated.result.output
    )
    assert shown, gated.result.output
    return int(shown[1].replace(",", ""))


def test_float16_halves_the_variables(gated: Gated) -> None:
    assert 2 * kernel_bytes(gated, "half") == kernel_bytes(gated, "folder") == 27_968


def test_a_failing_size_names_the_largest_part_and_what_stripping_it_gives(gated: Gated) -> None:
    gated.result.has(
        "_ whole::max_bytes _",
        "why the largest part is graph functions:",
        "B saved_model: {strip: [optimizer]}",
        "B saved_model: {strip: [training_functions]}",
        "B saved_model: {strip: [debug_info]}",
        f"strip {measured(gated, 'folder'):,.0f} B saved_model\n",
        f"float16 {measured(gated, 'half'):,.0f} B saved_model: {{weights: float16}}",
        "_ keras_whole::max_bytes _",
        "why the largest part is optimizer variables: 56,796 B (",
        f"strip {measured(gated, 'keras'):,.0f} B keras_file\n",
    )

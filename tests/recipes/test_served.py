"""Recipes that end in a SavedModel or a ``.keras`` file, through pytest on a trained model."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import once
from tests.recipes.conftest import Gate, Gated
from tests.recipes.served import (
    content,
    score_of,
    size_bytes,
    write_models,
)

pytestmark = pytest.mark.tensorflow

BUDGET = """
version: 1
model: {folder}
data: {{train: tests.recipes.models:train, test: tests.recipes.models:test}}
budget: {{max_bytes: 75 kB}}
variants:
  folder:
    recipe: [saved_model]
    budget:
      max_gzip_bytes: 40 kB
      min_accuracy: 0.9
      max_latency: 500 ms
  again: {{recipe: [saved_model: {{assets: used}}]}}
  whole: {{recipe: [saved_model: {{strip: []}}]}}
  no_slots: {{recipe: [saved_model: {{strip: [optimizer]}}], budget: {{max_bytes: 110 kB}}}}
  slots: {{recipe: [saved_model: {{strip: [training_functions]}}], budget: {{max_bytes: 250 kB}}}}
  half:
    recipe: [saved_model: {{weights: float16}}]
    budget: {{max_accuracy_drop: 1 pp, max_latency_ratio: 50}}
  keras:
    model: {model}
    recipe: [keras_file]
    budget: {{min_accuracy: 0.9, max_latency: 500 ms}}
  channels:
    model: {model}
    recipe: [prune_channels: {{fraction: 0.25, epochs: 2}}, keras_file]
    budget: {{max_accuracy_drop: 10 pp}}
  words:
    model: {words}
    data: {{test: tests.recipes.served:words}}
    recipe: [saved_model]
    budget: {{min_accuracy: 0.95, max_latency: 500 ms}}
  many_words:
    model: {words}
    data: {{test: tests.recipes.served:words}}
    recipe: [saved_model]
    latency: {{batch_size: 401}}
    budget: {{max_latency: 500 ms}}
  vectors:
    model: {words}
    signature: embed
    data: {{test: tests.recipes.served:words}}
    metric: tests.recipes.served:width
    recipe: [saved_model]
    budget: {{min_accuracy: 4}}
  absent:
    model: {words}
    recipe: [saved_model: {{signatures: [serving_default, rank]}}]
  unnamed: {{model: {words}, recipe: float32}}
  other_layers:
    model: {model}
    data: {{train: tests.recipes.own:OneBatch}}
    recipe: [tests.recipes.own:widened, prune, keras_file]
  keras_whole: {{model: {model}, recipe: [keras_file: {{strip: []}}]}}
"""


@pytest.fixture(scope="session")
def written(trained: Callable[[str], Path], shared: Path) -> Path:
    """Return a folder with SavedModels of the trained CNN and of a model of words."""
    return once(shared / "served", partial(write_models, trained("cnn")))


@pytest.fixture
def folder(written: Path) -> Path:
    """Return the SavedModel of the trained CNN, with the slots of Adam."""
    return written / "cnn_saved_model"


@pytest.fixture(scope="module")
def gated(gate: Gate, trained: Callable[[str], Path], written: Path) -> Gated:
    folder, words = written / "cnn_saved_model", written / "words"
    return gate(BUDGET.format(model=trained("cnn"), folder=folder, words=words))


def shipped(gated: Gated, name: str) -> Path:
    path = gated.root / "dist" / f"recipes.{name}"
    assert path.exists(), gated.result.output
    return path


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


def test_what_ships_is_what_was_judged(gated: Gated) -> None:
    folder, file = shipped(gated, "folder.saved_model"), shipped(gated, "keras.keras")
    assert size_bytes(folder) == measured(gated, "folder")
    assert size_bytes(file) == measured(gated, "keras")
    assert not (gated.root / "dist" / "recipes.whole.saved_model").exists()


def test_accuracy_is_that_of_the_signature_in_tensorflow(gated: Gated) -> None:
    score = measured(gated, "folder", "min_accuracy")
    assert score == score_of(shipped(gated, "folder.saved_model")) > 0.9
    assert measured(gated, "keras", "min_accuracy") == score
    assert abs(measured(gated, "half", "max_accuracy_drop")) <= 0.01
    assert gated.outcomes()["recipes.budget.yaml::channels::max_accuracy_drop"] == "PASSED"


def test_latency_is_measured_in_tensorflow(gated: Gated) -> None:
    assert 1e-5 < measured(gated, "folder", "max_latency") < 0.5
    assert 1e-5 < measured(gated, "keras", "max_latency") < 0.5
    assert 1e-5 < measured(gated, "words", "max_latency") < 0.5
    gated.result.has(
        "served:words has 400 samples, but latency.batch_size is 401\nwrite 400 or less"
    )
    assert 0.02 < measured(gated, "half", "max_latency_ratio") < 50


def test_equal_models_are_equal_bytes(gated: Gated) -> None:
    files = content(shipped(gated, "folder.saved_model"))
    assert sorted(files) == [
        "fingerprint.pb",
        "saved_model.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    ]
    assert content(shipped(gated, "again.saved_model")) == files


def test_a_vocabulary_is_counted_and_kept_working(gated: Gated) -> None:
    assert measured(gated, "words", "min_accuracy") > 0.95
    files = content(shipped(gated, "words.saved_model"))
    [vocabulary] = [each for name, each in files.items() if name.startswith("assets/")]
    assert vocabulary.startswith(b"good0\ngood1\n")
    gated.result.has(" words (built", f"assets {len(vocabulary):,} B")


def test_what_follows_a_stage_of_the_users_own_is_checked_before_it_trains(gated: Gated) -> None:
    gated.result.has(
        "recipe[2] > keras_file: the result of the stages before does not fit the layers of the "
        "Keras 3 model\n"
    )
    assert "the training has begun" not in gated.result.output


def test_one_of_several_signatures_must_be_named(gated: Gated) -> None:
    gated.result.has(
        "words has 2 signatures: embed, serving_default\nwrite signature: with the one to gate\n"
    )


def test_only_the_signatures_that_are_named_are_kept(gated: Gated) -> None:
    assert measured(gated, "vectors", "min_accuracy") == 4
    assert measured(gated, "vectors") < measured(gated, "words")
    gated.result.has(
        "recipe[0] > saved_model:",
        "has no signature rank, only these: serving_default, embed",
    )

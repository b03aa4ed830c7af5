"""What a failure says of its cause, through pytest on a trained model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recipes.conftest import Gate, Gated

pytestmark = pytest.mark.tensorflow

BUDGET = """
version: 1
model: {model}
data: {{train: tests.recipes.models:train, test: tests.recipes.models:test}}
variants:
  pruned:
    recipe:
      - prune: &most {{sparsity: 0.86, epochs: 1}}  # tfmot leaves 979 of 6992 weights, not 978
      - quantize: {{scheme: int8}}
    budget: {{max_accuracy_drop: 0.1 pp, min_accuracy: 0.999}}
  blind:
    recipe: ["tests.recipes.own:blind": {{layer: digit, share: 0.9}}, quantize: {{scheme: int8}}]
    budget: {{max_accuracy_drop: 1 pp}}
  sparse:
    recipe: [prune: *most]
    budget: {{min_sparsity: 0.86}}
  clustered:
    recipe: cluster
    budget: {{max_unique_weights: 16}}
  clustered_some:
    recipe: [cluster: {{clusters: 12, init: density, epochs: 1, layers: {{skip: [second]}}}}]
    budget: {{max_unique_weights: 16}}
  by_channel:
    recipe: [cluster: {{clusters: 6, epochs: 1, per_channel: true}}]
    budget: {{max_unique_weights: 6}}
  larger:
    model: "tests.models.parts:dense"
    data: {{train: "tests.models.parts:data", test: "tests.models.parts:data"}}
    recipe: [quantize_aware: {{epochs: 1}}]
    budget: {{max_bytes: 1 kB}}
"""


@pytest.fixture(scope="module")
def gated(gate: Gate, trained: Callable[[str], Path]) -> Gated:
    return gate(BUDGET.format(model=trained("cnn")))


def test_a_drop_names_the_stage_that_lost_it(gated: Gated) -> None:
    gated.result.has(
        "max_accuracy_drop: ",
        "by stage without the recipe 0.",
        "; prune 0.",
        "; quantize 0.",
        "what helps recipe[0] > prune lost most: less `sparsity`, more `epochs`, or",
        "min_accuracy: ",
        "what helps recipe[0] > prune lost most: less `sparsity`, more `epochs`, or",
        "by stage without the recipe 0.",
        "; tests.recipes.own:blind 0.",
        "what helps recipe[0] > tests.recipes.own:blind lost most: other parameters",
    )


def test_pruning_reaches_the_sparsity_that_it_is_given(gated: Gated) -> None:
    assert gated.outcomes()["recipes.budget.yaml::sparse::min_sparsity"] == "PASSED"


@pytest.mark.parametrize("variant", ["clustered", "by_channel"])
def test_clusters_are_counted_where_batch_normalization_was_folded(
    gated: Gated, variant: str
) -> None:
    assert gated.outcomes()[f"recipes.budget.yaml::{variant}::max_unique_weights"] == "PASSED"


def test_layers_that_were_not_clustered_are_named(gated: Gated) -> None:
    limit = "recipes.budget.yaml::clustered_some::max_unique_weights"
    assert gated.outcomes()[limit] == "FAILED"
    assert gated.measured("clustered_some", "max_unique_weights") > 1000
    gated.result.has("different values, most of them in ", "second")


def test_a_file_that_quantization_makes_larger_says_so(gated: Gated) -> None:
    gated.result.has("max_bytes: ", "why the file is larger than before quantize_aware: ", " B")

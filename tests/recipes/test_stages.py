"""Every stage through pytest, alone and in chains; its effect is read from the ``.tflite``."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.recipes.conftest import Gate, Gated, gated_in
from tests.recipes.reading import Kernel, Opened, read

pytestmark = pytest.mark.tensorflow

BUDGET = """
version: 1
model: {model}
data: {{train: tests.recipes.models:train, test: tests.recipes.models:test}}
budget: {{max_accuracy_drop: 10 pp}}
variants:
  pruned:
    model: {{call: "tests.recipes.own:load", args: {{path: {model}}}}}
    recipe:
      - prune:
          {{sparsity: 0.7, initial_sparsity: 0.2, begin: 0.1, end: 0.8, frequency: 7, epochs: 1,
          layers: {{only: [first]}}}}
      - prune:
          {{sparsity: 0.6, schedule: "tests.recipes.own:late", epochs: 1,
          layers: {{skip: [Dense, first]}}}}
      - prune:
          {{sparsity: 0.5, block: [1, 4], schedule: constant, epochs: 1,
          layers: {{only: [dense]}}}}
      - prune: {{pattern: "2:4", epochs: 1, layers: {{only: [digit]}}}}
  channels:
    recipe:
      - prune_channels: {{fraction: 0.25, criterion: batch_norm, epochs: 1}}
      - prune_channels: {{fraction: 0.25, criterion: l2, epochs: 2}}
  distill: {{recipe: [distill: {{student: "tests.recipes.own:student", epochs: 12}}]}}
  # Some beginnings are those of variants in the other files: they are trained once.
  clustered:
    recipe: [cluster: {{clusters: 12, init: density, epochs: 1, layers: {{skip: [second]}}}}]
  cluster_per_channel: {{recipe: [cluster: {{clusters: 6, epochs: 1, per_channel: true}}]}}
  own:
    recipe: ["tests.recipes.own:blind": {{layer: digit, share: 0.05}}, quantize: {{scheme: int8}}]
  quantize_layers:
    recipe: [quantize: {{scheme: int8, layers: {{dense: int4, digit: float32}}}}]
  quantize_skip: {{recipe: [quantize: {{scheme: dynamic, layers: {{skip: [Dense]}}}}]}}
  quantize_io: {{recipe: [quantize: {{scheme: int8, io: int8}}]}}
  converter: {{recipe: [quantize: {{scheme: int8, io: uint8, backend: converter}}]}}
  all_of_them:
    recipe:
      - prune_channels: {{fraction: 0.25, epochs: 2}}
      - prune: {{sparsity: 0.5, epochs: 1}}
      - cluster: {{clusters: 8, epochs: 1}}
      - quantize_aware: {{learning_rate: 0.0001, layers: {{skip: [digit]}}}}
"""


@pytest.fixture(scope="module")
def gated(gate: Gate, trained: Callable[[str], Path]) -> Gated:
    return gate(BUDGET.format(model=trained("cnn")))


@pytest.fixture
def opened(gated: Gated) -> Callable[[str], Opened]:
    return lambda variant: read(gated.model(variant))


Open = Callable[[str], Opened]


def sparsities(opened: Opened) -> list[float]:
    return [round(kernel.sparsity, 2) for kernel in opened.kernels]


def test_every_recipe_is_built_and_its_accuracy_holds(gated: Gated) -> None:
    assert set(gated.outcomes().values()) == {"PASSED"}, gated.result.output
    assert len(gated.outcomes()) == BUDGET.count("recipe:")


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        # ``pruned`` shows what each of its stages has done to its own layer, and to no other.
        ("pruned", [0.7, 0.6, 0.5, 0.5]),
        ("all_of_them", [0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_zeros_are_in_the_layers_that_were_pruned(
    variant: str, expected: list[float], opened: Open
) -> None:
    assert sparsities(opened(variant)) == pytest.approx(expected, abs=0.015)


def test_zeros_come_in_blocks(opened: Open) -> None:
    _, _, dense, _ = opened("pruned").kernels
    columns = dense.values.T  # as Keras has it: blocks of 1 x 4 are four units of one input
    zeros = (columns.reshape(len(columns), -1, 4) == 0).sum(axis=2)
    assert set(np.unique(zeros)) == {0, 4}
    assert dense.sparsity == pytest.approx(0.5, abs=0.01)


def test_zeros_come_in_patterns(opened: Open) -> None:
    groups = opened("pruned").kernels[-1].values.reshape(-1, 4)
    assert set((groups == 0).sum(axis=1)) == {2}


def test_whole_channels_are_gone(opened: Open) -> None:
    # Only ``second`` has a batch normalization to be judged by, so it has lost a quarter twice.
    shapes = [kernel.values.shape for kernel in opened("channels").kernels]
    assert shapes == [(12, 3, 3, 1), (14, 3, 3, 12), (24, 56), (10, 24)]


def test_the_student_is_what_ships(opened: Open) -> None:
    shapes = [kernel.values.shape for kernel in opened("distill").kernels]
    assert shapes == [(8, 3, 3, 1), (10, 128)]


def test_kernels_have_as_many_values_as_clusters(opened: Open) -> None:
    first, second, dense, digit = opened("clustered").kernels
    for kernel in (first, dense, digit):
        # A centroid that no weight is near to is not used.
        assert 9 <= kernel.unique <= 12
    assert second.unique_in_a_channel > 100


def test_a_channel_has_clusters_of_its_own(opened: Open) -> None:
    first, second, dense, digit = opened("cluster_per_channel").kernels
    for kernel in (first, second):
        assert kernel.unique_in_a_channel == 6
        assert kernel.unique > 6 * len(kernel.values) * 0.9
    assert dense.unique == digit.unique == 6


def test_clusters_stay(opened: Open) -> None:
    first, second, dense, digit = opened("all_of_them").kernels
    assert max(dense.unique, digit.unique) <= 8
    assert max(first.unique_in_a_channel, second.unique_in_a_channel) <= 8


def test_training_was_aware_of_integers(opened: Open) -> None:
    assert types(opened("all_of_them"))[:3] == ["int8 int8"] * 3


def test_a_layer_that_is_skipped_stays_float(opened: Open) -> None:
    assert types(opened("all_of_them"))[3] == "float32 float32"


def types(opened: Opened) -> list[str]:
    def shown(kernel: Kernel) -> str:
        return f"{kernel.dtype} {kernel.activations}"

    return list(map(shown, opened.kernels))


def test_a_stage_of_the_users_own_gets_its_arguments(opened: Open) -> None:
    digit = opened("own").kernels[-1]
    assert digit.dtype == "int8"
    assert digit.values.shape == (10, 32)
    assert (digit.values[:, :1] > 0).all()
    assert not (digit.values[:, 1:] > 0).all()


def test_layers_have_schemes_of_their_own(opened: Open) -> None:
    first, second, dense, digit = opened("quantize_layers").kernels
    assert (first.dtype, second.dtype, digit.dtype) == ("int8", "int8", "float32")
    assert dense.unique <= 15
    assert second.unique > 15


def test_layers_are_skipped_by_class(opened: Open) -> None:
    assert types(opened("quantize_skip")) == ["int8 float32"] * 2 + ["float32 float32"] * 2


@pytest.mark.parametrize(("variant", "io"), [("quantize_io", "int8"), ("converter", "uint8")])
def test_inputs_and_outputs_are_integers(variant: str, io: str, opened: Open) -> None:
    model = opened(variant)
    assert model.ends == (io, io)
    assert types(model) == ["int8 int8"] * 4


def test_all_stages_go_together(opened: Open) -> None:
    kernels = opened("all_of_them").kernels
    assert [kernel.values.shape[0] for kernel in kernels] == [12, 18, 24, 10]


def test_a_cold_build_elsewhere_and_under_xdist_gives_the_same_bytes(
    gated: Gated, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    """Each kind of stage that computes is in one of these, but sparse encoding; see
    ``test_example_gate``.
    """
    variants = ["all_of_them", "distill", "own", "converter"]
    choice = ("-n2", "-k", " or ".join(variants))
    again = gated_in(tmp_path, BUDGET.format(model=trained("cnn")), *choice)
    for variant in variants:
        assert again.model(variant).read_bytes() == gated.model(variant).read_bytes()

import pytest

from pytest_modelbudget.budgetfile.presets import PRESETS, render
from tests.budgetfile.conftest import Load

HEAD = "version: 1\nmodel: m:f\ndata: {train: m:t}\nbudget: {max_bytes: 5}\n"


def test_presets_are_those_of_the_contract() -> None:
    assert {name: [stage.kind for stage in stages] for name, stages in PRESETS.items()} == {
        "float32": [],
        "dynamic": ["quantize"],
        "float16": ["quantize"],
        "int8": ["quantize"],
        "int16x8": ["quantize"],
        "int4": ["quantize"],
        "prune": ["prune"],
        "cluster": ["cluster"],
        "qat": ["quantize_aware"],
        "prune_int8": ["prune", "quantize"],
        "prune_cluster_qat": ["prune", "cluster", "quantize_aware"],
    }


def test_an_expansion_is_yaml() -> None:
    assert render("int8") == ("recipe:\n- quantize: {scheme: int8, io: float32, backend: auto}\n")
    assert render("float32") == "recipe: []\n"


def test_a_stage_is_one_line_however_long() -> None:
    assert render("prune") == (
        "recipe:\n"
        "- prune: {sparsity: 0.8, initial_sparsity: 0.0, schedule: polynomial, epochs: 8, "
        "begin: 0.0, end: 0.75}\n"
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_an_expansion_means_what_the_preset_means(load_text: Load, preset: str) -> None:
    [short] = load_text(f"{HEAD}recipe: {preset}\n")
    [written] = load_text(HEAD + render(preset))
    assert [found.stage for found in written.recipe] == [found.stage for found in short.recipe]

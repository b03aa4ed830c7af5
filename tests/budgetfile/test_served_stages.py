"""Recipes that end in a SavedModel or a ``.keras`` file: what is wrong with them, and where."""

import pytest

from pytest_modelbudget.budgetfile.stages import KerasFile, SavedModel
from tests.budgetfile.conftest import Load, Problems

HEAD = """\
version: 1
model: folder
data: {train: m:a, test: m:b}
"""
SIZE = "budget: {max_bytes: 5}\n"


def test_the_defaults_are_what_a_server_needs(load_text: Load) -> None:
    (budget,) = load_text(f"{HEAD}{SIZE}recipe: [saved_model]")
    assert [located.stage for located in budget.recipe] == [
        SavedModel(
            strip=("optimizer", "training_functions", "debug_info", "default_attributes"),
            signatures=("serving_default",),
            weights="float32",
            assets="keep",
        )
    ]
    (budget,) = load_text(f"{HEAD}{SIZE}recipe: [keras_file]")
    assert [located.stage for located in budget.recipe] == [KerasFile(strip=("optimizer",))]


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (
            "[saved_model, prune]",
            "5:23: recipe[1] > prune: runs after saved_model, which already produced the "
            "SavedModel; put it before saved_model",
        ),
        (
            "[keras_file, saved_model]",
            "5:22: recipe[1] > saved_model: makes the SavedModel, and keras_file makes the .keras "
            "file; leave one of them out",
        ),
        (
            "[quantize, saved_model]",
            "5:20: recipe[1] > saved_model: makes the SavedModel, and quantize makes the .tflite; "
            "leave one of them out",
        ),
        (
            "[saved_model, quantize]",
            "5:23: recipe[1] > quantize: makes the .tflite, and saved_model makes the SavedModel; "
            "leave one of them out",
        ),
        (
            "[quantize_aware, keras_file]",
            "5:26: recipe[1] > keras_file: would store the weights of quantize_aware as floats in "
            "the .keras file; leave one of them out: only a .tflite stores them as integers",
        ),
        (
            "[saved_model: {strip: [optimiser]}]",
            "5:32: recipe[0] > strip[0]: expected 'optimizer', 'training_functions', "
            "'debug_info' or 'default_attributes', got 'optimiser'; did you mean 'optimizer'?",
        ),
        (
            "[saved_model: {signatures: []}]",
            "5:36: recipe[0] > signatures: expected a list of at least 1, got an empty list",
        ),
        (
            "[saved_model: {signatures: [embed, rank]}]",
            "5:24: recipe[0] > signatures: accuracy and latency are measured on "
            "serving_default, which is left out; write signature: with one of embed, rank, or "
            "keep only one",
        ),
        (
            "[saved_model: {weights: float16, strip: [debug_info]}]",
            "5:24: recipe[0] > weights: float16 keeps only what the signatures read, "
            "not optimizer and training_functions; strip optimizer and training_functions, or "
            "leave strip out",
        ),
    ],
)
def test_a_wrong_recipe_is_a_problem_with_its_place(
    recipe: str, expected: str, problems: Problems
) -> None:
    assert problems(f"{HEAD}{SIZE}recipe: {recipe}") == [expected]


@pytest.mark.parametrize(
    ("model", "before"), [("m:f", ""), ("m.keras", ""), ("m.h5", ""), ("folder", "prune, ")]
)
def test_a_signature_that_a_keras_model_cannot_have_is_a_problem(
    model: str, before: str, problems: Problems
) -> None:
    text = HEAD.replace("model: folder", f"model: {model}")
    recipe = f"[{before}saved_model: {{signatures: [serving_default, rank]}}]"
    [problem] = problems(f"{text}{SIZE}recipe: {recipe}")
    assert problem == (
        f"5:{24 + len(before)}: recipe[{1 if before else 0}] > signatures: a Keras model has no "
        "signature rank, only serving_default; leave it out"
    )


@pytest.mark.parametrize(
    ("stage", "kept"),
    [
        ("saved_model", ("rank",)),
        ("saved_model: {signatures: [embed, rank]}", ("embed", "rank")),
        ("saved_model: {signatures: [serving_default, rank]}", ("serving_default", "rank")),
    ],
)
def test_the_signature_of_the_budget_is_kept(
    stage: str, kept: tuple[str, ...], load_text: Load
) -> None:
    (budget,) = load_text(f"{HEAD}{SIZE}signature: rank\nrecipe: [{stage}]")
    assert [located.stage for located in budget.recipe] == [SavedModel(signatures=kept)]


def test_a_signature_that_is_left_out_cannot_be_measured(problems: Problems) -> None:
    recipe = "[saved_model: {signatures: [serving_default]}]"
    assert problems(f"{HEAD}{SIZE}signature: rank\nrecipe: {recipe}") == [
        "6:24: recipe[0] > signatures: signature: names rank, which is left out; add rank"
    ]


@pytest.mark.parametrize("model", ["folder", "models/folder.v2/"])
def test_a_saved_model_may_have_other_signatures(model: str, load_text: Load) -> None:
    text = HEAD.replace("model: folder", f"model: {model}")
    (budget,) = load_text(f"{text}{SIZE}recipe: [saved_model: {{signatures: [rank]}}]")
    assert [located.stage for located in budget.recipe] == [SavedModel(signatures=("rank",))]


@pytest.mark.parametrize("recipe", ["saved_model", "keras_file"])
@pytest.mark.parametrize(
    "limit",
    [
        "max_memory: 5 kB",
        "max_macs: 5",
        "max_instructions: 5 k",
        "min_sparsity: 0.5",
        "max_unique_weights: 16",
        "integer_only: true",
        "allowed_ops: [CONV_2D]",
    ],
)
def test_a_limit_that_is_read_from_a_tflite_is_a_problem_with_its_place(
    limit: str, recipe: str, problems: Problems
) -> None:
    name = limit.partition(":")[0]
    assert problems(f"{HEAD}budget: {{{limit}}}\nrecipe: [{recipe}]") == [
        f"4:10: budget > {name}: it is read from a .tflite, and the recipe ends in {recipe}; "
        "leave it out"
    ]


@pytest.mark.parametrize("target", ["ethos-u55-128", "adb", "m:target"])
def test_another_target_than_this_machine_is_a_problem_with_its_place(
    target: str, problems: Problems
) -> None:
    text = f"{HEAD}budget: {{max_latency: 5 ms}}\nrecipe: [saved_model]\n"
    assert problems(f"{text}latency: {{target: {target}}}") == [
        f"6:11: latency > target: {target} runs a .tflite, and the recipe ends in saved_model; "
        "leave it out, or write host"
    ]

import pytest

from pytest_modelbudget.budgetfile.stages import Cluster, Prune, PruneChannels, UserStage
from tests.budgetfile.conftest import Load, Problems

HEAD = """\
version: 1
model: m:f
data: {train: m:a, test: m:b}
budget: {max_bytes: 5}
"""

WRONG = [
    (
        "recipe: int9",
        [
            "5:9: recipe: unknown preset 'int9'; did you mean 'int8'?",
        ],
    ),
    (
        "recipe: quantize_aware",
        [
            "5:9: recipe: unknown preset 'quantize_aware'; write [quantize_aware]",
        ],
    ),
    (
        "recipe: {prune: {}}",
        [
            "5:9: recipe: expected a preset or a list of stages, got a mapping; begin each "
            "stage with a dash",
        ],
    ),
    (
        "recipe: null",
        [
            "5:9: recipe: expected a preset or a list of stages, got nothing; write [] for "
            "the float model as it is",
        ],
    ),
    (
        "recipe: [qantize]",
        [
            "5:10: recipe[0]: unknown stage 'qantize'; did you mean 'quantize'?",
        ],
    ),
    (
        "recipe: [int8]",
        [
            "5:10: recipe[0]: unknown stage 'int8'; it is a preset: write recipe: int8, or "
            "its stages (see modelbudget recipes)",
        ],
    ),
    (
        "recipe: [stages.mine]",
        [
            "5:10: recipe[0]: unknown stage 'stages.mine'; write stages:mine",
        ],
    ),
    (
        "recipe: [quantize.int8]",
        [
            "5:10: recipe[0]: unknown stage 'quantize.int8'; did you mean 'quantize'?",
        ],
    ),
    (
        "recipe: [{prune: null, sparsity: 0.9}]",
        [
            "5:10: recipe[0]: expected one stage, got the keys prune, sparsity; write one "
            "stage to a dash, its parameters indented below its name",
        ],
    ),
    (
        "recipe: [5]",
        [
            "5:10: recipe[0]: expected a stage, got 5; write a stage such as quantize_aware",
        ],
    ),
    (
        "recipe: [{}]",
        [
            "5:10: recipe[0]: expected a stage, got an empty mapping; "
            "write a stage such as quantize_aware",
        ],
    ),
    (
        "recipe: [prune: 0.9]",
        [
            "5:17: recipe[0] > prune: expected a mapping of parameters, got 0.9",
        ],
    ),
    (
        "recipe: [prune: {sparsity: 90%}]",
        [
            "5:28: recipe[0] > sparsity: expected a number, got '90%'; write 0.9",
        ],
    ),
    (
        'recipe: [prune: {sparsity: "0.9"}]',
        [
            "5:28: recipe[0] > sparsity: expected a number, got '0.9'; write 0.9",
        ],
    ),
    (
        "recipe: [prune: {sparsity: 1}]",
        [
            "5:28: recipe[0] > sparsity: expected a number below 1, got 1",
        ],
    ),
    (
        "recipe: [prune: {kind: prune, blok: [1, 4]}]",
        [
            "5:18: recipe[0] > prune: unknown key 'kind'; known are begin, block, end, "
            "epochs, frequency, initial_sparsity, layers, pattern, schedule, sparsity",
            "5:31: recipe[0] > prune: unknown key 'blok'; did you mean 'block'?",
        ],
    ),
    (
        "recipe: [prune: {kind: mine}]",
        [
            "5:18: recipe[0] > prune: unknown key 'kind'; known are begin, block, end, "
            "epochs, frequency, initial_sparsity, layers, pattern, schedule, sparsity",
        ],
    ),
    (
        "recipe: [prune: {block: [0, 4], pattern: 3}]",
        [
            "5:26: recipe[0] > block[0]: expected a number of at least 1, got 0",
            "5:42: recipe[0] > pattern: expected a pattern m:n with 0 < m < n, such as 2:4, got 3",
        ],
    ),
    (
        "recipe: [prune: {pattern: 0:4}, prune: {pattern: 2:2}]",
        [
            "5:27: recipe[0] > pattern: expected a pattern m:n with 0 < m < n, such as 2:4, "
            "got '0:4'",
            "5:50: recipe[1] > pattern: expected a pattern m:n with 0 < m < n, such as 2:4, "
            "got '2:2'",
        ],
    ),
    (
        "recipe: [prune: {block: [1, 4, 2]}]",
        [
            "5:25: recipe[0] > block: expected a list of 2, got a list of 3",
        ],
    ),
    (
        'recipe: [prune: {block: [4], pattern: "4:2"}]',
        [
            "5:25: recipe[0] > block: expected a list of at least 2, got a list of 1",
            "5:39: recipe[0] > pattern: expected a pattern m:n with 0 < m < n, such as 2:4, "
            "got '4:2'",
        ],
    ),
    (
        "recipe: [prune: {schedule: linear}]",
        [
            "5:28: recipe[0] > schedule: expected polynomial, constant or "
            "package.module:callable, got 'linear'",
        ],
    ),
    (
        "recipe: [prune: {layers: {onyl: [a]}}]",
        [
            "5:27: recipe[0] > layers: unknown key 'onyl'; did you mean 'only'?",
        ],
    ),
    (
        "recipe: [prune: {layers: [a]}]",
        [
            "5:26: recipe[0] > layers: expected a mapping, got a list of 1",
        ],
    ),
    (
        "recipe: [cluster: {clusters: true, init: kmean}]",
        [
            "5:30: recipe[0] > clusters: expected a whole number, got true",
            "5:42: recipe[0] > init: expected 'linear', 'random', 'density' or 'kmeans++', "
            "got 'kmean'; did you mean 'kmeans++'?",
        ],
    ),
    (
        "recipe: [distill]",
        [
            "5:10: recipe[0]: 'student' is missing",
        ],
    ),
    (
        "recipe: [quantize: {scheme: int-8}]",
        [
            "5:29: recipe[0] > scheme: expected 'dynamic', 'float16', 'int8', 'int16x8' or "
            "'int4', got 'int-8'; did you mean 'int8'?",
        ],
    ),
    (
        "recipe: [quantize: {scheme: zzz}]",
        [
            "5:29: recipe[0] > scheme: expected 'dynamic', 'float16', 'int8', 'int16x8' or "
            "'int4', got 'zzz'",
        ],
    ),
    (
        "recipe: [quantize: {layers: dense}]",
        [
            "5:29: recipe[0] > layers: expected a mapping, got 'dense'",
        ],
    ),
    (
        "recipe: [quantize: {layers: {dense: int5}}]",
        [
            "5:37: recipe[0] > layers > dense: expected 'float32', 'dynamic', 'float16', "
            "'int8', 'int16x8' or 'int4', got 'int5'; did you mean 'int8'?",
        ],
    ),
    (
        "recipe: [convert: {sparse: yes}]",
        [
            "5:28: recipe[0] > sparse: expected true or false, got 'yes'",
        ],
    ),
    (
        "recipe: [m:stage: 5]",
        [
            "5:19: recipe[0] > m:stage: expected a mapping of parameters, got 5",
        ],
    ),
]


@pytest.mark.parametrize(("recipe", "expected"), WRONG)
def test_every_problem_of_a_recipe(problems: Problems, recipe: str, expected: list[str]) -> None:
    assert problems(HEAD + recipe) == expected


def test_each_form_of_a_stage_and_its_place(load_text: Load) -> None:
    [budget] = load_text(
        HEAD
        + """\
recipe:
  - prune_channels
  - prune:
  - m:stage
  - m:other: {rate: 0.5}
  - cluster: {clusters: 8}
"""
    )
    assert [(found.where, found.span.line, found.span.column) for found in budget.recipe] == [
        ("recipe[0] > prune_channels", 6, 5),
        ("recipe[1] > prune", 7, 5),
        ("recipe[2] > m:stage", 8, 5),
        ("recipe[3] > m:other", 9, 5),
        ("recipe[4] > cluster", 10, 5),
    ]
    assert [found.stage for found in budget.recipe] == [
        PruneChannels(),
        Prune(),
        UserStage(call="m:stage"),
        UserStage(call="m:other", args={"rate": 0.5}),
        Cluster(clusters=8),
    ]


def test_a_preset_names_itself_in_the_place_of_its_stages(load_text: Load) -> None:
    [budget] = load_text(HEAD + "recipe: prune_int8\n")
    assert [(found.where, found.span.line) for found in budget.recipe] == [
        ("recipe > prune_int8 > prune", 5),
        ("recipe > prune_int8 > quantize", 5),
    ]

import pytest

from pytest_modelbudget.budgetfile.stages import LayerSelection, Prune, Quantize, Stage
from tests.budgetfile.conftest import Load, Problems

HEAD = """\
version: 1
model: m:f
data: {train: m:a, test: m:b}
budget: {max_bytes: 5}
"""

ORDER = [
    (
        "recipe: [quantize, prune]",
        [
            "5:20: recipe[1] > prune: runs after quantize, which already produced the "
            ".tflite; put it before quantize",
        ],
    ),
    (
        "recipe: [quantize, prune, cluster]",
        [
            "5:20: recipe[1] > prune: runs after quantize, which already produced the "
            ".tflite; put it before quantize",
            "5:27: recipe[2] > cluster: runs after quantize, which already produced the "
            ".tflite; put it before quantize",
        ],
    ),
    (
        "recipe: [convert, m:stage]",
        [
            "5:19: recipe[1] > m:stage: runs after convert, which already produced "
            "the .tflite; put it before convert",
        ],
    ),
    (
        "recipe: [cluster, prune]",
        [
            "5:19: recipe[1] > prune: loses what cluster made; put it before cluster",
        ],
    ),
    (
        "recipe: [prune, prune_channels]",
        [
            "5:17: recipe[1] > prune_channels: loses what prune made; put it before prune",
        ],
    ),
    (
        "recipe: [prune, distill: {student: m:s}]",
        [
            "5:17: recipe[1] > distill: loses what prune made; put it before prune",
        ],
    ),
    (
        "recipe: [quantize_aware, cluster]",
        [
            "5:26: recipe[1] > cluster: loses what quantize_aware made; put it before "
            "quantize_aware",
        ],
    ),
    (
        "recipe: [quantize_aware, quantize]",
        [
            "5:26: recipe[1] > quantize: is not needed, because quantize_aware already "
            "quantizes; leave one of them out",
        ],
    ),
    (
        "recipe: [quantize, convert]",
        [
            "5:20: recipe[1] > convert: runs after quantize, which already produced the "
            ".tflite; put it before quantize",
        ],
    ),
    (
        "recipe: [quantize, quantize]",
        [
            "5:20: recipe[1] > quantize: appears twice; leave one of them out",
        ],
    ),
]

SPARSE = [
    (
        "recipe: [cluster, convert: {sparse: true}]",
        [
            "5:29: recipe[1] > sparse: no stage makes zeros that sparse encoding could leave "
            "out; write prune before it",
        ],
    ),
    (
        "recipe: [prune, convert: {sparse: true}, quantize: {scheme: dynamic}]",
        [
            "5:53: recipe[2] > scheme: LiteRT cannot run dynamic kernels in sparse encoding; "
            "write float16, int8 or int16x8, or leave convert out",
        ],
    ),
]

PARAMETERS = [
    (
        "recipe: [prune: {block: [1, 4], pattern: 2:4}]",
        [
            "5:33: recipe[0] > pattern: block and pattern exclude each other; keep one of them",
        ],
    ),
    (
        "recipe: [prune: {begin: 0.8}]",
        [
            "5:18: recipe[0] > begin: pruning begins at 0.8 and ends at 0.75; write an end "
            "above begin; both are shares of the training",
        ],
    ),
    (
        "recipe: [prune: {end: 0.5, begin: 0.5}]",
        [
            "5:18: recipe[0] > end: pruning begins at 0.5 and ends at 0.5; write an end "
            "above begin; both are shares of the training",
        ],
    ),
    (
        "recipe: [prune: {initial_sparsity: 0.95}]",
        [
            "5:18: recipe[0] > initial_sparsity: 0.95 is above the final sparsity 0.8; write "
            "less than sparsity",
        ],
    ),
    (
        "recipe: [prune: {layers: {only: [conv*], skip: [dense]}}]",
        [
            "5:18: recipe[0] > layers: only and skip exclude each other; keep one of them",
        ],
    ),
    (
        "recipe: [quantize: {layers: {only: [conv*], skip: [dense]}}]",
        [
            "5:21: recipe[0] > layers: only and skip exclude each other; keep one of them",
        ],
    ),
    (
        "recipe: [quantize: {layers: {}}]",
        [
            "5:21: recipe[0] > layers: no layer is named; leave it out for all layers",
        ],
    ),
    (
        "recipe: [prune: {layers: {}}]",
        [
            "5:18: recipe[0] > layers: no layer is named; leave it out for all layers",
        ],
    ),
    (
        "recipe: [distill: {student: net.build}]",
        [
            "5:20: recipe[0] > student: 'net.build' is not a model; write net:build or a "
            "path ending in .keras, .h5, .hdf5, .tflite",
        ],
    ),
    (
        "recipe: [distill: {student: s.tflite}]",
        [
            "5:20: recipe[0] > student: a .tflite cannot be trained; write a Keras model",
        ],
    ),
    (
        "recipe: [quantize: {scheme: float16, io: int8}]",
        [
            "5:38: recipe[0] > io: scheme float16 has float32 inputs and outputs, not int8; "
            "leave it out, or write scheme: int8",
        ],
    ),
    (
        "recipe: [quantize: {scheme: int16x8, io: uint8}]",
        [
            "5:38: recipe[0] > io: LiteRT cannot convert uint8 to the int16 activations of "
            "int16x8; write io: int8, or leave it out",
        ],
    ),
    (
        "recipe: [quantize: {scheme: int16x8, io: int8, backend: converter}]",
        [
            "5:38: recipe[0] > io: the converter gives int16x8 float32 inputs and outputs only; "
            "leave it out, or write backend: litert",
        ],
    ),
    (
        "recipe: [quantize: {backend: converter, layers: {dense: int4}}]",
        [
            "5:41: recipe[0] > layers: the converter quantizes all layers alike; write "
            "backend: litert",
        ],
    ),
    (
        "recipe: [quantize: {backend: converter, scheme: int4}]",
        [
            "5:21: recipe[0] > backend: the converter does not support int4; write backend: litert",
        ],
    ),
]


@pytest.mark.parametrize(("recipe", "expected"), [*ORDER, *SPARSE, *PARAMETERS])
def test_what_cannot_work_together(problems: Problems, recipe: str, expected: list[str]) -> None:
    assert problems(HEAD + recipe) == expected


@pytest.mark.parametrize(
    "recipe",
    [
        "[prune_channels, prune, cluster, quantize_aware]",
        "[distill: {student: m:s}, prune, quantize]",
        "[quantize: {scheme: int16x8, io: int8}]",
        "[convert: {sparse: true}, quantize: {layers: {dense: int4}}]",
        "[prune, prune, cluster, m:stage, convert]",
        "[prune, cluster, quantize_aware, convert: {sparse: true}]",
        "[m:stage, cluster, convert: {sparse: true}, quantize: {scheme: float16}]",
    ],
)
def test_what_works_together(load_text: Load, recipe: str) -> None:
    [budget] = load_text(f"{HEAD}recipe: {recipe}\n")
    assert budget.recipe


@pytest.mark.parametrize(
    ("written", "stage"),
    [
        ("prune: {pattern: 1:4}", Prune(pattern="1:4")),
        ("prune: {block: [1, 4]}", Prune(block=(1, 4))),
        (
            "prune: {sparsity: 0.5, initial_sparsity: 0.5}",
            Prune(sparsity=0.5, initial_sparsity=0.5),
        ),
        ("prune: {layers: {only: [conv*]}}", Prune(layers=LayerSelection(only=("conv*",)))),
        ("prune: {layers: {skip: [conv*]}}", Prune(layers=LayerSelection(skip=("conv*",)))),
        ("quantize: {layers: {only: [conv*]}}", Quantize(layers=LayerSelection(only=("conv*",)))),
        ("quantize: {layers: {skip: [conv*]}}", Quantize(layers=LayerSelection(skip=("conv*",)))),
        ("quantize: {layers: {conv: int4}}", Quantize(layers={"conv": "int4"})),
    ],
)
def test_parameters_are_read(load_text: Load, written: str, stage: Stage) -> None:
    [budget] = load_text(f"{HEAD}recipe: [{written}]\n")
    assert budget.recipe[0].stage == stage

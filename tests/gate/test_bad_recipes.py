"""Recipes that cannot be followed: a mistake is found before the first training, if it can be."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import Project, Result, outcomes

PARTS = Path(__file__).parents[1] / "models" / "parts.py"
HEAD = """
version: 1
model: parts:dense
data: {train: parts:data}
budget: {max_bytes: 1 MB}
variants:
"""

WRITTEN = {
    "[prune: {sparsity: 1}]": "recipe[0] > sparsity: expected a number below 1, got 1",
    "[prune: {sparsity: -0.1}]": "recipe[0] > sparsity: expected a number of at least 0, got -0.1",
    "[prune_channels: {fraction: 1}]": "recipe[0] > fraction: expected a number below 1, got 1",
    "[prune: {block: [1, 4], pattern: 2:4}]": (
        "recipe[0] > pattern: block and pattern exclude each other; keep one of them"
    ),
    "[prune: {schedule: cubic}]": (
        "recipe[0] > schedule: expected polynomial, constant or package.module:callable, "
        "got 'cubic'"
    ),
    "[cluster: {clusters: 1}]": "recipe[0] > clusters: expected a number of at least 2, got 1",
    "[distill: {student: small.tflite}]": (
        "recipe[0] > student: a .tflite cannot be trained; write a Keras model"
    ),
    "[cluster, prune]": "recipe[1] > prune: loses what cluster made; put it before cluster",
    "[quantize_aware, parts:scale]": (
        "recipe[1] > parts:scale: loses what quantize_aware made; put it before quantize_aware"
    ),
    "[prune, prune: {schedule: parts:scedule}]": (
        "recipe[1] > schedule: module parts has no scedule; did you mean schedule?"
    ),
    "[prune_channels, parts:scal]": (
        "recipe[1] > parts:scal: module parts has no scal; did you mean scale?"
    ),
    "[distill: {student: parts:five_class}]": (
        "recipe[0] > student: module parts has no five_class; did you mean five_classes?"
    ),
}

NO_LAYER = "every layer would be skipped: no weights (flat); "
NO_NORM = "{} does not support BatchNormalization (norm)"
REFUSED = {
    "{recipe: [prune, cluster: {layers: {only: [dens]}}]}": (
        "recipe[1] > cluster: layers: no layer matches 'dens'\n"
        "the layers are flat, hidden, norm, class"
    ),
    "{recipe: [prune, cluster: {layers: {only: [class, norm]}}]}": (
        "recipe[1] > cluster: layers: every layer that matches 'norm' is unsupported: "
        f"{NO_NORM.format('clustering')}\nremove it from layers: only"
    ),
    "{recipe: [prune, cluster: {clusters: 5000}]}": (
        f"recipe[1] > cluster: {NO_LAYER}too small: 384 weights for 5000 clusters "
        f"(hidden); {NO_NORM.format('clustering')}; too small: 32 weights for 5000 clusters "
        "(class)\nremove the stage"
    ),
    # Half of the 8 hidden units are gone by then.
    "{recipe: [prune_channels, prune: {block: [7, 3]}]}": (
        f"recipe[1] > prune: {NO_LAYER}its kernel (48, 4) cannot be divided into blocks [7, 3] "
        f"(hidden); {NO_NORM.format('pruning')}; its kernel (4, 4) cannot be divided into blocks "
        "[7, 3] (class)\nremove the stage"
    ),
    "{recipe: [prune, prune: {frequency: 100, epochs: 2}]}": (
        "recipe[1] > prune: frequency: 100 is more than the 2 steps from begin to end (of 4 in "
        "all), so the sparsity would never increase\n"
        "lower frequency or remove it, or train for more epochs"
    ),
    "{recipe: [prune, prune: {schedule: parts:no_schedule}]}": (
        "recipe[1] > prune: parts:no_schedule returned a int, not a pruning schedule\n"
        "return a tfmot.sparsity.keras.PruningSchedule"
    ),
    "{recipe: [prune, parts:scale: {by: 2}]}": (
        "recipe[1] > parts:scale: parts:scale cannot be called: missing a required argument: "
        "'factor'\nit is called with the model and the stage's parameters"
    ),
    "{recipe: [distill: {student: parts:five_classes}]}": (
        "recipe[0] > distill: the output class of the student parts:five_classes has the shape "
        "(5,), but that of its teacher is (4,)\nbuild the student for the teacher's shapes"
    ),
    "{data: {calibration: parts:flat}, recipe: [prune, quantize]}": (
        "recipe[1] > quantize: parts:flat: input x needs samples of shape (6, 8), but x has "
        "samples of shape (48,)\nreshape the samples"
    ),
    "{data: {calibration: {call: parts:flat, args: {of: 0}}}, recipe: [prune, quantize]}": (
        "recipe[1] > quantize: parts:flat raised ZeroDivisionError: integer division or modulo by "
        "zero (parts.py:LINE)"
    ),
    "{model: {call: parts:dense, args: {compiled: false}}, recipe: [prune]}": (
        "recipe[0] > prune: training needs a loss, and the model was not compiled with one\n"
        "compile the model, or set training.loss, such as sparse_categorical_crossentropy"
    ),
    "{training: {optimizer: adamm}, recipe: [prune]}": (
        "recipe[0] > prune: training.optimizer: tf_keras has no optimizer adamm\n"
        "write a name that tf_keras.optimizers.get() accepts, such as adam or sgd"
    ),
    "{training: {batch_size: 500}, recipe: [prune]}": (
        "recipe[0] > prune: parts:data has 64 samples, fewer than one batch of 500\n"
        "add samples, or set training.batch_size: 64"
    ),
    "{model: {call: parts:dense, args: {frozen: true}}, recipe: [quantize_aware]}": (
        "recipe[0] > quantize_aware: the model dense cannot be trained: no layer is "
        "trainable\nset trainable = True on the layers to train"
    ),
    "{model: parts:subclassed, recipe: [prune]}": (
        "recipe[0] > prune: parts:subclassed is a SavedModel or a subclassed model: its layers "
        "cannot be changed\nname a functional or Sequential Keras model"
    ),
    "{model: parts:singular, recipe: [prune, cluster]}": (
        "recipe[1] > cluster: LiteRT has no operator for TensorFlow's Svd\nreplace the layer by "
        "built-in operators: LiteRT does not include TensorFlow's (Flex)"
    ),
}

FAILING = {
    "{recipe: [parts:forget]}": (
        "recipe[0] > parts:forget: parts:forget returned None, not a tf_keras model\n"
        "return the model"
    ),
    "{training: {loss: mse,optimizer: sgd,learning_rate: 1.0e+38}, recipe: [prune: {epochs: 2}]}": (
        "recipe[0] > prune: the loss became nan in epoch 1/2, step 2/2\n"
        "lower training.learning_rate, or look for extreme values in data.train"
    ),
}

UNSCORED = {
    "{data: {test: parts:unlabelled}, budget: {min_accuracy: 0.5}, recipe: [prune]}": (
        "parts:unlabelled: y is None\nreturn labels as y: accuracy needs them"
    ),
    "{data: {test: parts:flat}, budget: {min_accuracy: 0.5}, recipe: [prune]}": (
        "input x needs samples of shape (6, 8), but x has samples of shape (48,)\n"
        "reshape the samples"
    ),
    "{data: {test: parts:data}, metric: parts:bad, budget: {min_accuracy: 0.5}, recipe: [prune]}": (
        "parts:bad raised ZeroDivisionError: division by zero (parts.py:LINE)"
    ),
}

MIXED = """
version: 1
model: parts:mixed
data: {train: parts:data}
budget: {max_bytes: 1 MB}
variants:
  same_shape:
    recipe: [prune: {sparsity: 0.5, epochs: 1}, cluster: {clusters: 8}, quantize_aware]
  smaller:
    recipe: [prune_channels: {epochs: 1}]
"""
SKIPPED = {
    "same_shape": (
        "skipped by prune: pruning does not support BatchNormalization (alone)\n"
        "skipped by cluster: clustering does not support BatchNormalization (alone)\n"
        "skipped by quantize_aware: quantization-aware training does not support Rescaling "
        "(rescale); a Dense layer on more than two axes, which stays float in LiteRT (part/inner); "
        "quantization-aware training does not support SimpleRNN (rnn); batch normalization that "
        "does not follow a Conv2D (alone)"
    ),
    "smaller": (
        "skipped by prune_channels: its filters or units cannot be traced through the model "
        "(part/inner); SimpleRNN has no filters or units that can be removed (rnn); "
        "BatchNormalization has no filters or units that can be removed (alone); "
        "it makes an output of the model (class)"
    ),
}


def budget(variants: Mapping[str, str]) -> str:
    """Write a budget file with a variant on each line."""
    lines = [f"  v{number}: {variant}\n" for number, variant in enumerate(variants)]
    return HEAD + "".join(lines)


def line_of(variants: Mapping[str, str], variant: str) -> int:
    return HEAD.count("\n") + list(variants).index(variant)


def test_what_the_file_alone_tells_is_found_when_it_is_collected(project: Project) -> None:
    variants = {f"{{recipe: {recipe}}}": message for recipe, message in WRITTEN.items()}
    project.write("bad.budget.yaml", budget(variants))
    shutil.copy(PARTS, project.root)

    result = project.pytest()

    assert result.exitcode == 2
    found = re.findall(r"bad.budget.yaml:(\d+):\d+: variants > v\d+ > (.*)", result.output)
    assert found == [(str(line_of(variants, each)), variants[each]) for each in variants]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Result]:
    """Run all recipes in one session: TensorFlow is imported once."""
    project = Project(tmp_path_factory.mktemp("recipes"))
    shutil.copy(PARTS, project.root)
    project.write("pytest.ini", "[pytest]\n")
    project.write("refused.budget.yaml", budget(REFUSED))
    project.write("failing.budget.yaml", budget(FAILING))
    project.write("unscored.budget.yaml", budget(UNSCORED))
    project.write("mixed.budget.yaml", MIXED)
    return project, project.pytest("-v", "--junitxml=junit.xml")


def skipped(output: str) -> list[str]:
    return re.findall(r"^ *(skipped by .*)", output, re.MULTILINE)


@pytest.mark.tensorflow
@pytest.mark.parametrize("variant", REFUSED)
def test_what_cannot_be_trained_is_an_error_of_its_stage(
    run: tuple[Project, Result], variant: str
) -> None:
    message = REFUSED[variant]
    stage = message.split(": ")[0].split(" > ")[1]
    line = f"  v{list(REFUSED).index(variant)}: {variant}"
    *_, written = re.finditer(rf"\b{stage}\b", line)
    column = written.start() + 1
    place = f"refused.budget.yaml:{line_of(REFUSED, variant)}:{column}"
    output = re.sub(r"parts.py:\d+", "parts.py:LINE", run[1].output)
    assert f"\n{place}: {message}\n" in output


@pytest.mark.tensorflow
@pytest.mark.parametrize("variant", FAILING)
def test_what_only_shows_in_the_work_is_an_error_then(
    run: tuple[Project, Result], variant: str
) -> None:
    place = f"failing.budget.yaml:{line_of(FAILING, variant)}:"
    assert re.search(f"^{place}\\d+: {re.escape(FAILING[variant])}$", run[1].output, re.MULTILINE)


@pytest.mark.tensorflow
@pytest.mark.parametrize("variant", UNSCORED)
def test_what_cannot_be_scored_is_an_error_before_the_training(
    run: tuple[Project, Result], variant: str
) -> None:
    line = f"  v{list(UNSCORED).index(variant)}: {variant}"
    place = f"unscored.budget.yaml:{line_of(UNSCORED, variant)}:{line.index('min_acc') + 1}"
    cause = f"{place}: min_accuracy: the evaluation before the training failed: {UNSCORED[variant]}"
    assert f"\n{cause}\n" in re.sub(r"parts.py:\d+", "parts.py:LINE", run[1].output)


@pytest.mark.tensorflow
def test_nothing_is_trained_of_a_recipe_that_is_refused(run: tuple[Project, Result]) -> None:
    project, result = run
    errors = [node for node, outcome in outcomes(result.output).items() if outcome == "ERROR"]
    assert len(errors) == len(REFUSED) + len(FAILING) + 2 * len(UNSCORED)
    trained = list((project.root / ".modelbudget").glob("entries/*/*/*/model.keras"))
    assert len(trained) == len(["prune", "cluster", "prune_channels"])  # of the mixed model


@pytest.mark.tensorflow
def test_layers_that_are_not_supported_stop_nothing_and_are_reported(
    run: tuple[Project, Result],
) -> None:
    project, result = run
    passed = [node for node, outcome in outcomes(result.output).items() if outcome == "PASSED"]
    assert passed == [f"mixed.budget.yaml::{name}::max_bytes" for name in SKIPPED]
    for name, lines in SKIPPED.items():
        block = f"mixed.budget.yaml {name} .*\n  {re.escape(lines.splitlines()[0])}\n"
        assert re.search(block, result.output)
    assert skipped(result.output) == "\n".join(SKIPPED.values()).splitlines()
    cases = ElementTree.parse(project.root / "junit.xml").iter("testcase")
    found = {
        each.get("value")
        for case in cases
        for each in case.iter("property")
        if each.get("name") == "layers_skipped"
    }
    assert found == set(SKIPPED.values())


@pytest.mark.tensorflow
def test_a_cached_recipe_is_not_looked_at_again_and_reported_alike(
    run: tuple[Project, Result],
) -> None:
    project, cold = run
    for folder in (project.root / ".modelbudget" / "entries").glob("*/*/*"):
        if not (folder / "model.tflite").exists():  # as pruning the cache may leave it
            shutil.rmtree(folder)
    env = project.refusing("tensorflow", "tf_keras")

    warm = project.pytest("mixed.budget.yaml", "-n1", env=env)

    assert warm.exitcode == 0, warm.output
    assert skipped(warm.output) == skipped(cold.output) == "\n".join(SKIPPED.values()).splitlines()

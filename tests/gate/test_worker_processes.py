"""What a build cannot do to the pytest process and to other builds, through pytest."""

from pathlib import Path

import pytest

from tests.conftest import Project, Result, outcomes
from tests.recipes.reading import read

pytestmark = pytest.mark.tensorflow

CODE = """
import numpy as np
import tf_keras

MODEL = tf_keras.Sequential([
    tf_keras.layers.Input((16,)),
    tf_keras.layers.Dense(20, activation="relu", name="hidden"),
    tf_keras.layers.Dense(4, activation="softmax", name="class"),
])
MODEL.compile("adam", "sparse_categorical_crossentropy")

def model():
    return MODEL

def train():
    x = np.random.default_rng(0).random((96, 16), np.float32)
    return x, x[:, :4].argmax(axis=1)
"""
BUDGET = """
version: 1
model: mine:model
data: {train: mine:train}
budget: {max_bytes: 1 MB}
variants:
  pruned: {recipe: [prune: {sparsity: 0.8, epochs: 1}]}
  dense: {recipe: []}
"""


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Result]:
    """Two variants of one model object, in a session in which every warning is an error."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.write("pytest.ini", "[pytest]\nfilterwarnings = error\n")
    project.write("mine.py", CODE)
    project.write("shared.budget.yaml", BUDGET)
    return project, project.pytest("-v", "-W", "error", "--budget-artifacts", "passed")


def kernel_sparsities(project: Project, variant: str) -> list[float]:
    opened = read(project.root / Path("passed", f"shared.{variant}.tflite"))
    return [kernel.sparsity for kernel in opened.kernels]


def test_tfmot_is_imported_where_pytest_makes_warnings_errors(
    gated: tuple[Project, Result],
) -> None:
    _, result = gated
    assert outcomes(result.output) == {
        "shared.budget.yaml::pruned::max_bytes": "PASSED",
        "shared.budget.yaml::dense::max_bytes": "PASSED",
    }, result.output


def test_pruning_leaves_a_model_that_variants_share_as_it_is(
    gated: tuple[Project, Result],
) -> None:
    project, _ = gated
    assert kernel_sparsities(project, "pruned") == [0.8, 0.8]
    assert kernel_sparsities(project, "dense") == [0.0, 0.0]

"""Stages of the user's own that lose what the stages before them made, through pytest."""

import pytest

from tests.conftest import Project

pytestmark = pytest.mark.tensorflow

CODE = """
import numpy as np
import tf_keras

def model():
    model = tf_keras.Sequential([
        tf_keras.layers.Input((16,)),
        tf_keras.layers.Dense(20, activation="relu", name="hidden"),
        tf_keras.layers.Dense(4, name="logits"),
    ])
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model

def train():
    x = np.random.default_rng(0).random((96, 16), np.float32)
    return x, x[:, :4].argmax(axis=1)

def disturb(model):
    kernel = model.get_layer("hidden").kernel
    kernel.assign_add(np.random.default_rng(0).random(kernel.shape))
    return model
"""
BUDGET = """
version: 1
model: mine:model
data: {train: mine:train}
budget: {max_bytes: 1 MB}
variants:
  pruned:
    recipe:
      - prune: {sparsity: 0.8, epochs: 1}
      - mine:disturb
      - quantize: {scheme: dynamic}
  clustered:
    recipe:
      - cluster: {clusters: 8, epochs: 1}
      - mine:disturb
"""


def test_a_stage_that_loses_zeros_or_clusters_fails_the_build(project: Project) -> None:
    project.write("mine.py", CODE)
    project.write("lost.budget.yaml", BUDGET)

    result = project.pytest("-v")

    assert result.exitcode == 1
    result.has("::pruned::max_bytes ERROR", "::clustered::max_bytes ERROR")
    result.has(
        "lost.budget.yaml:9:9: ",
        "recipe[1] > mine:disturb: prune: layer hidden has sparsity 0.00 after this stage, "
        "not the 0.80 it was pruned to",
        "keep it there, or put the stage before prune",
        "lost.budget.yaml:14:9: ",
        "recipe[1] > mine:disturb: cluster: layer hidden has ",
        " unique values after this stage, not the 8 it was clustered to",
    )

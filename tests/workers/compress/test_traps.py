"""Traps of tfmot and the converter that are not about one stage; see ``docs/traps.md``."""

from pathlib import Path
from typing import Any, Literal

import pytest
import tf_keras

from pytest_modelbudget.budgetfile.stages import (
    Cluster,
    Convert,
    Prune,
    Quantize,
    QuantizeAware,
    Stage,
)
from pytest_modelbudget.budgetfile.types import CallSource
from pytest_modelbudget.protocol.build_jobs import PreflightJob
from pytest_modelbudget.protocol.layer_choice import LayerChoice
from pytest_modelbudget.workers.compress import preflight
from pytest_modelbudget.workers.compress.job import build
from pytest_modelbudget.workers.compress.stages import run_stage
from tests.recipes.reading import read
from tests.workers.compress.building import call, make, no_progress
from tests.workers.compress.trainees import job


def unsupported() -> Any:
    """Return a model of what tfmot raises at, and two layers that it supports."""
    layers = tf_keras.layers
    x = image = layers.Input((8, 8, 4), name="image")
    x = layers.Normalization(mean=0.5, variance=1.0, name="normalize")(x)
    x = layers.Rescaling(2.0, name="rescale")(x)
    x = layers.Conv2D(8, 3, padding="same", name="conv")(x)
    x = layers.PReLU(shared_axes=[1, 2], name="prelu")(x)
    x = layers.GroupNormalization(2, name="group")(x)
    x = layers.ELU(name="elu")(x)
    x = layers.Reshape((64, 8), name="rows")(x)
    x = layers.Conv1D(8, 3, padding="same", name="conv1d")(x)
    x = layers.MaxPool1D(2, name="pool1d")(x)
    x = layers.Conv1DTranspose(8, 3, padding="same", name="up1d")(x)
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.Subtract(name="subtract")([x, layers.Multiply(name="multiply")([x, x])])
    x = layers.Bidirectional(layers.SimpleRNN(4), name="both")(x * 2.0)
    model = tf_keras.Model(image, layers.Dense(4, activation="softmax", name="class")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


REFUSED_BY_PRUNING = ("normalize", "prelu", "group", "up1d", "norm", "both")
REFUSED_BY_QAT = (
    *REFUSED_BY_PRUNING,
    "rescale",
    "elu",
    "conv1d",
    "pool1d",
    "subtract",
    "multiply",
)


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore:(The )?distutils:DeprecationWarning")  # tfmot imports it
def test_layers_that_tfmot_raises_at_are_skipped_and_named(tmp_path: Path) -> None:
    model = CallSource(call="tests.workers.compress.test_traps:unsupported")
    # 0.75 of the 32 weights of `class` is a whole number; 0.8 is not, and it would be skipped.
    stages: tuple[Stage, ...] = (Prune(sparsity=0.75), Cluster(clusters=8))
    steps = tuple(job(stage, model) for stage in stages)
    seen = preflight.preflight(PreflightJob(steps=steps), no_progress).layer_choices
    pruned, clustered = (choice.skipped for choice in seen if choice)
    (trained := tmp_path / "trained").mkdir()
    run_stage(job(QuantizeAware(), model), trained, no_progress)
    choice = LayerChoice.read(trained)
    assert choice
    quantized = choice.skipped

    assert set(REFUSED_BY_PRUNING) <= set(pruned)
    assert not {"conv", "conv1d", "class"} & set(pruned)
    assert not {"conv", "class"} & set(clustered)
    assert set(REFUSED_BY_QAT) <= set(quantized)
    assert not {"conv", "class"} & set(quantized)
    (output := tmp_path / "converted").mkdir()
    before = (QuantizeAware(),)
    build(job(Convert(), model, parent=trained, before=before), output, no_progress)
    stored = [kernel.dtype for kernel in read(output / "model.tflite").kernels]
    assert stored[0] == stored[-1] == "int8"


@pytest.mark.tensorflow
def test_only_the_converter_leaves_small_weights_float(tmp_path: Path) -> None:
    """The converter keeps tensors of less than 1,024 elements in float; the default does not."""
    make(tmp_path / "float", call("cnn", units=200))
    expected: dict[Literal["litert", "converter"], set[str]] = {
        "litert": {"int8"},
        "converter": {"int8", "float32"},
    }
    for backend, kept in expected.items():
        parent = tmp_path / "float" if backend == "litert" else None
        stage = Quantize(scheme="dynamic", backend=backend)
        make(tmp_path / backend, call("cnn", units=200), stage, parent)
        opened = read(tmp_path / backend / "model.tflite")
        assert {kernel.dtype for kernel in opened.kernels} == kept

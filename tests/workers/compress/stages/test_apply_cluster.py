import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras

from pytest_modelbudget.budgetfile.stages import Cluster, LayerSelection, Prune
from pytest_modelbudget.budgetfile.types import FileSource
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.stages import run_stage
from pytest_modelbudget.workers.compress.training import trainable
from tests.workers.compress.building import no_progress
from tests.workers.compress.trainees import CLASSES, accuracy, call, job

pytestmark = pytest.mark.tensorflow


def dropout_cnn(*, rate: float) -> Any:
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.Input((8, 8, 4)),
            layers.Conv2D(8, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(),
            layers.Dropout(rate),
            layers.Dense(CLASSES, activation="softmax", name="class"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def make(output: Path, model: Any = None, pruned: Path | None = None, **stage: Any) -> Any:
    """Cluster a model, or what was pruned into a folder, and load what was written."""
    output.mkdir(exist_ok=True)
    before = (Prune(),) if pruned else ()
    wanted = job(Cluster(**stage), model or call("cnn"), parent=pruned, before=before)
    run_stage(wanted, output, no_progress)
    return trainable.load(output).model


def unique_values(model: Any) -> dict[str, int]:
    return {
        weight.name.removesuffix(":0"): len(np.unique(weight.numpy()))
        for weight in model.weights
        if len(weight.shape) > 1
    }


def skipped(folder: Path) -> dict[str, str]:
    reasons: dict[str, str] = json.loads((folder / "layers.json").read_text())["skipped"]
    return {name: why for name, why in reasons.items() if why != "no weights"}


def test_every_kernel_gets_its_clusters_and_the_model_still_works(tmp_path: Path) -> None:
    model = make(tmp_path, clusters=8, epochs=8)

    assert unique_values(model) == {
        "conv/kernel": 8,
        "depthwise/depthwise_kernel": 144,
        "dense/kernel": 8,
        "class/kernel": 8,
    }
    assert accuracy(model) > 0.95
    assert skipped(tmp_path) == {
        "norm": "clustering does not support BatchNormalization",
        "depthwise": "clustering does not support DepthwiseConv2D",
    }


@pytest.mark.parametrize("init", ["linear", "random", "density", "kmeans++"])
def test_every_init_gives_clusters_close_to_the_weights(init: str, tmp_path: Path) -> None:
    source = call("perceptron", rate=1e-6)
    before = trainable.begin(job(Cluster(), source)).model.get_layer("dense").kernel.numpy()

    model = make(tmp_path, source, init=init, layers=LayerSelection(only=("dense",)))

    after = model.get_layer("dense").kernel.numpy()
    assert len(np.unique(after)) in (15, 16)  # a centroid that no weight is near to is not used
    assert np.abs(after - before).mean() < 0.25 * np.abs(before).mean()


def test_it_trains_at_a_tenth_of_the_usual_rate(tmp_path: Path) -> None:
    source, rate, steps = call("perceptron", rate=0.01), 0.01, 12
    before = trainable.begin(job(Cluster(), source)).model.get_layer("class").bias.numpy()

    after = make(tmp_path, source).get_layer("class").bias.numpy()

    # A step of Adam is at most a little longer than the rate.
    assert rate / 10 < np.abs(after - before).max() < 1.1 * steps * rate / 10


def test_per_channel_clusters_also_a_convolution_without_a_bias(tmp_path: Path) -> None:
    source = call("cnn").model_copy(
        update={"call": "tests.workers.compress.stages.test_apply_cluster:dropout_cnn"}
    )
    source = source.model_copy(update={"args": {"rate": 0.0}})

    model = make(tmp_path, source, clusters=4, per_channel=True)

    kernel = model.get_layer("conv").kernel.numpy()
    assert [len(np.unique(kernel[..., channel])) for channel in range(8)] == [4] * 8
    assert len(np.unique(kernel)) == 32
    assert unique_values(model)["class/kernel"] == 4


def test_pruned_weights_stay_zero_also_in_a_skipped_layer(tmp_path: Path) -> None:
    pruned, clustered = tmp_path / "pruned", tmp_path / "clustered"
    pruned.mkdir()
    run_stage(job(Prune(), call("cnn")), pruned, no_progress)
    before = trainable.load(pruned).model

    after = make(
        clustered, pruned=pruned, clusters=8, epochs=2, layers=LayerSelection(skip=("class",))
    )

    for name in ("conv", "dense", "class"):
        old, new = (model.get_layer(name).kernel.numpy() for model in (before, after))
        np.testing.assert_array_equal(old == 0, new == 0)
        assert (old != new).any()
    assert unique_values(after)["dense/kernel"] == 8  # zero is one of them
    assert skipped(clustered)["class"] == "in layers: skip"


def test_dropout_and_batch_normalization_go_on_training(tmp_path: Path) -> None:
    trained = {}
    for rate in (0.0, 0.5):
        source = call("cnn", rate=rate).model_copy(
            update={"call": "tests.workers.compress.stages.test_apply_cluster:dropout_cnn"}
        )
        trained[rate] = make(tmp_path / str(rate), source)

    assert (trained[0.0].get_layer("norm").moving_mean.numpy() != 0).all()
    kernels = [model.get_layer("class").kernel.numpy() for model in trained.values()]
    assert (kernels[0] != kernels[1]).any()


def test_more_clusters_than_weights(tmp_path: Path) -> None:
    make(tmp_path, clusters=200)
    assert skipped(tmp_path)["class"] == "too small: 128 weights for 200 clusters"

    with pytest.raises(JobError) as raised:
        make(tmp_path, clusters=200, layers=LayerSelection(only=("class", "dense")))
    assert str(raised.value) == (
        "layers: every layer that matches 'class' is unsupported: too small: 128 weights for 200 "
        "clusters (class); remove it from layers: only"
    )

    with pytest.raises(JobError) as raised:
        make(tmp_path, clusters=40, per_channel=True, layers=LayerSelection(only=("conv",)))
    assert str(raised.value) == (
        "layers: every layer that matches 'conv' is unsupported: too small: 36 weights in an "
        "output channel for 40 clusters (conv); remove it from layers: only"
    )


# Keras 3 on NumPy 2: https://github.com/keras-team/keras/pull/21288
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_keras_3_model_that_tfmot_clusters_to_none(tmp_path: Path) -> None:
    import keras
    import tensorflow_model_optimization as tfmot

    model = keras.Sequential(
        [
            keras.Input((8, 8, 4), name="image"),
            keras.layers.Flatten(),
            keras.layers.Dense(CLASSES, activation="softmax", name="class"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "model.keras")
    linear = tfmot.clustering.keras.CentroidInitialization.LINEAR
    assert tfmot.clustering.keras.cluster_weights(model, 8, linear) is None

    clustered = make(tmp_path / "out", FileSource(path=tmp_path / "model.keras"), clusters=8)

    assert unique_values(clustered) == {"class/kernel": 8}

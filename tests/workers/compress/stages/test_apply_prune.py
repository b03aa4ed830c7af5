import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.stages import LayerSelection, Prune
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.stages import run_stage
from pytest_modelbudget.workers.compress.training import trainable
from pytest_modelbudget.workers.compress.training.training_set import TrainingSteps
from tests.workers.compress.building import no_progress
from tests.workers.compress.trainees import accuracy, call, job

pytestmark = [
    pytest.mark.tensorflow,
    # tfmot still imports distutils.
    pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning"),
]


def make(output: Path, model: str = "cnn", train: str = "images", **stage: Any) -> Any:
    """Prune a model, and load what was written."""
    output.mkdir(exist_ok=True)
    wanted = job(Prune(**stage), call(model), train=call(train))
    run_stage(wanted, output, no_progress)
    return trainable.load(output).model


def sparsities(model: Any) -> dict[str, float]:
    """Return the share of zeros of every weight with at least two axes."""
    return {
        weight.name.removesuffix(":0"): round(float((weight.numpy() == 0).mean()), 3)
        for weight in model.weights
        if len(weight.shape) > 1
    }


def skipped(folder: Path) -> dict[str, str]:
    reasons: dict[str, str] = json.loads((folder / "layers.json").read_text())["skipped"]
    return {name: why for name, why in reasons.items() if why != "no weights"}


def test_every_kernel_gets_its_sparsity_and_the_model_still_works(tmp_path: Path) -> None:
    model = make(tmp_path, sparsity=0.75, epochs=5)

    assert sparsities(model) == {
        "conv/kernel": 0.75,
        "depthwise/depthwise_kernel": 0.0,
        "dense/kernel": 0.75,
        "class/kernel": 0.75,
    }
    assert accuracy(model) > 0.95
    assert skipped(tmp_path) == {
        "norm": "pruning does not support BatchNormalization",
        "depthwise": "pruning does not support DepthwiseConv2D",
    }


@pytest.mark.parametrize(
    "stage",
    [
        {"epochs": 1},  # 6 steps: with tfmot's own defaults nothing would ever be pruned
        {"epochs": 3, "frequency": 5},
        {"epochs": 1, "begin": 0.9, "end": 1.0},
        {"schedule": "constant"},
        {"schedule": "constant", "begin": 0.5, "frequency": 100},
        {"schedule": "tests.workers.compress.stages.test_apply_prune:late", "epochs": 2},
    ],
    ids=str,
)
def test_every_schedule_gets_there(stage: dict[str, Any], tmp_path: Path) -> None:
    model = make(tmp_path, model="perceptron", **stage, layers=LayerSelection(only=("dense",)))

    assert sparsities(model) == {"dense/kernel": 0.8, "class/kernel": 0.0}


def late(*, steps: TrainingSteps, sparsity: float, **_: Any) -> Any:
    import tensorflow_model_optimization as tfmot

    assert steps == TrainingSteps(samples=200, batch_size=32, steps_per_epoch=6, epochs=2)
    return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=12, frequency=1)


def never(*, sparsity: float, **_: Any) -> Any:
    import tensorflow_model_optimization as tfmot

    return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=1000)


def nothing(**_: Any) -> None:
    pass


def test_the_sparsity_grows_between_begin_and_end() -> None:
    from pytest_modelbudget.workers.compress.training.schedules import make_schedule

    stage = Prune(sparsity=0.8, initial_sparsity=0.2, begin=0.25, end=0.75)
    schedule = make_schedule(stage, TrainingSteps(3200, 32, 100, epochs=2))

    updates = {step: schedule(step) for step in range(1, 201) if schedule(step)[0]}
    assert list(updates) == list(range(50, 151, 5))
    assert updates[50][1].numpy() == pytest.approx(0.2)
    assert updates[150][1].numpy() == pytest.approx(0.8)


def test_blocks(tmp_path: Path) -> None:
    model = make(tmp_path, block=(4, 2), sparsity=0.9)

    kernel = model.get_layer("dense").kernel.numpy()
    blocks = kernel.reshape(kernel.shape[0] // 4, 4, kernel.shape[1] // 2, 2)
    assert (blocks == 0).all(axis=(1, 3)).mean() == 1 - 102 / 1024
    assert skipped(tmp_path) == {
        "conv": "blocks need a kernel of rank 2, and its shape is (3, 3, 4, 16)",
        "norm": "pruning does not support BatchNormalization",
        "depthwise": "pruning does not support DepthwiseConv2D",
        "class": "too small: with 16 blocks [4, 2], the sparsity nearest to 0.90 is 0.88",
    }


def test_patterns(tmp_path: Path) -> None:
    model = make(tmp_path, model="two_sides", train="pairs", pattern="2:4", epochs=1)

    nested = model.get_layer("part").get_layer("conv").kernel.numpy()
    for kernel in (nested, model.get_layer("logits").kernel.numpy()):
        groups = np.moveaxis(kernel, -2, -1).reshape(-1, 4)
        np.testing.assert_array_equal((groups == 0).sum(axis=1), 2)
    assert skipped(tmp_path) == {
        "mix": "its 5 inputs cannot be divided into groups of 4",
        "shared": "its 5 inputs cannot be divided into groups of 4",
    }


def test_zeros_of_an_earlier_prune_stay(tmp_path: Path) -> None:
    first = Prune(sparsity=0.9, layers=LayerSelection(only=("dense",)))
    make(tmp_path / "1", model="perceptron", **first.model_dump(exclude={"kind"}))
    second = job(Prune(sparsity=0.5), call("cnn"), parent=tmp_path / "1", before=(first,))
    (tmp_path / "2").mkdir()

    run_stage(second, tmp_path / "2", no_progress)

    assert sparsities(trainable.load(tmp_path / "2").model) == {
        "dense/kernel": 0.9,
        "class/kernel": 0.5,
    }


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (
            {"frequency": 100, "epochs": 2},
            "frequency: 100 is more than the 8 steps from begin to end (of 12 in all), so the "
            "sparsity would never increase; lower frequency or remove it, or train for more epochs",
        ),
        (
            {"schedule": "tests.workers.compress.stages.test_apply_prune:never"},
            "prune: layer conv has sparsity 0.00 instead of 0.80; check that the schedule reaches "
            "the sparsity, or add the layer to layers: skip",
        ),
        (
            {"schedule": "tests.workers.compress.stages.test_apply_prune:nothing"},
            "tests.workers.compress.stages.test_apply_prune:nothing returned a NoneType, not a "
            "pruning schedule; return a tfmot.sparsity.keras.PruningSchedule",
        ),
        (
            {"block": (3, 3)},
            "every layer would be skipped: blocks need a kernel of rank 2, and its shape is "
            "(3, 3, 4, 16) (conv); pruning does not support BatchNormalization (norm); pruning "
            "does not support DepthwiseConv2D (depthwise); no weights (flat, dropout); and 2 more; "
            "remove the stage",
        ),
    ],
)
def test_what_cannot_be_pruned(stage: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(JobError) as raised:
        make(tmp_path, **stage)

    assert str(raised.value) == message


def test_frozen_layers_are_skipped(tmp_path: Path) -> None:
    wanted = job(Prune(epochs=1), call("cnn", frozen=["dense"]))
    run_stage(wanted, tmp_path, no_progress)

    why = skipped(tmp_path)["dense"]
    assert why == "not trainable, so it cannot be fine-tuned after pruning"

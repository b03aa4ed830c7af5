import json
from pathlib import Path
from typing import Any

import h5py
import keras
import pytest
import tf_keras

from pytest_modelbudget.budgetfile.stages import Prune
from pytest_modelbudget.budgetfile.types import CallSource, FileSource, Training
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models.compiled import Compiled
from pytest_modelbudget.workers.compress.models.compiling import compile_arguments
from pytest_modelbudget.workers.compress.training import trainable
from tests.workers.compress.trainees import accuracy, call, job

pytestmark = [
    pytest.mark.tensorflow,
    # Keras 3 on NumPy 2: https://github.com/keras-team/keras/pull/21288
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.mark.parametrize(
    ("written", "shown"), [(3, "np.int64(3)"), ("{", "'{'"), ("[1]", "[1]"), ('"adam"', "'adam'")]
)
def test_a_loss_of_the_wrong_type_is_damage(written: object, shown: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["training_config"] = written
    with pytest.raises(JobError) as raised:
        Compiled.of(tf_keras.Sequential(), FileSource(path=path))
    assert str(raised.value) == (
        f"{path} is damaged: its loss and optimizer are {shown}; save it again"
    )


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("generation", [keras, tf_keras])
def test_losses_and_optimizers_of_files_are_found(
    generation: Any, suffix: str, tmp_path: Path
) -> None:
    image = generation.Input((4,))
    names = {"a": generation.layers.Dense(3, name="a"), "b": generation.layers.Dense(1, name="b")}
    model = generation.Model(image, [layer(image) for layer in names.values()])
    decay = generation.optimizers.schedules.CosineDecay(0.01, 100)
    losses = generation.losses
    model.compile(
        generation.optimizers.SGD(decay, momentum=0.5),
        loss={
            "a": losses.SparseCategoricalCrossentropy(from_logits=True),
            "b": losses.mean_squared_error,
        },
        loss_weights={"a": 1.0, "b": 0.25},
    )
    path = tmp_path / f"model{suffix}"
    model.save(path)

    compiled = Compiled.of(model, FileSource(path=path))
    made = compile_arguments(compiled, Training(), None)

    assert isinstance(made["optimizer"], tf_keras.optimizers.SGD)
    assert made["optimizer"].get_config()["momentum"] == 0.5
    assert made["optimizer"]._learning_rate(50).numpy() == pytest.approx(0.005)
    assert isinstance(made["loss"]["a"], tf_keras.losses.SparseCategoricalCrossentropy)
    assert made["loss"]["a"].get_config()["from_logits"] is True
    assert made["loss"]["b"] is tf_keras.losses.mean_squared_error
    assert made["loss_weights"] == {"a": 1.0, "b": 0.25}


def test_the_budget_file_goes_before_the_model_and_the_stage_before_both() -> None:
    wanted = job(Prune(), call("cnn"), optimizer="sgd", learning_rate=0.5, loss="mse")
    compiled = trainable.begin(wanted).compiled

    for rate, expected in [(None, 0.5), (0.25, 0.25)]:
        made = compile_arguments(compiled, wanted.training, rate)
        assert isinstance(made["optimizer"], tf_keras.optimizers.SGD)
        assert made["optimizer"].learning_rate.numpy() == expected
        assert made["loss"] is tf_keras.losses.mean_squared_error


@pytest.mark.parametrize("generation", [keras, tf_keras])
def test_a_learning_rate_also_counts_where_the_model_was_compiled_with_a_name(
    generation: Any,
) -> None:
    model = generation.Sequential([generation.Input((4,)), generation.layers.Dense(3)])
    model.compile("sgd", "mse")
    compiled = Compiled.of(model, CallSource(call="any.module:model"))

    for rate, expected in [(None, 0.01), (0.25, 0.25)]:
        made = compile_arguments(compiled, Training(), rate)
        assert isinstance(made["optimizer"], tf_keras.optimizers.SGD)
        assert made["optimizer"].learning_rate.numpy() == pytest.approx(expected)


def test_a_loss_of_the_users_own_that_was_not_registered() -> None:
    config = Compiled(
        generation="keras",
        loss=json.loads('{"class_name": "function", "config": "my_loss", "registered_name": null}'),
    )

    with pytest.raises(JobError) as raised:
        compile_arguments(config, Training(), None)
    assert str(raised.value) == (
        f"tf_keras cannot make the loss that the model was compiled with: {config.loss}; set "
        "training.loss: package.module:callable, or name the module that registers the loss under "
        "imports"
    )
    loss = "tests.workers.compress.trainees:accuracy"
    made = compile_arguments(config, Training(loss=loss), None)
    assert made["loss"] is accuracy

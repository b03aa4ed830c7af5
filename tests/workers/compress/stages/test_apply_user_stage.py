from pathlib import Path
from typing import Any

import pytest
import tf_keras

from pytest_modelbudget.budgetfile.stages import UserStage
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.stages import run_stage
from pytest_modelbudget.workers.compress.training import trainable
from tests.workers.compress import trainees
from tests.workers.compress.building import no_progress
from tests.workers.compress.trainees import call, job

pytestmark = pytest.mark.tensorflow


def scale(model: Any, *, factor: float) -> Any:
    layer = model.get_layer("class")
    layer.set_weights([weight * factor for weight in layer.get_weights()])
    return model


def grow(model: Any) -> Any:
    outputs = tf_keras.layers.Softmax(name="soft")(model.output)
    return tf_keras.Model(model.input, outputs)


def forget(model: Any) -> None:
    assert model


def other_inputs(model: Any) -> Any:
    assert model
    return trainees.lstm()


def crash(model: Any) -> Any:
    raise RuntimeError(f"no {model.name} today")


def make(output: Path, name: str, **args: Any) -> "trainable.Trainable":
    wanted = job(
        UserStage(call=f"tests.workers.compress.stages.test_apply_user_stage:{name}", args=args),
        call("cnn"),
    )
    run_stage(wanted, output, no_progress)
    return trainable.load(output)


def test_it_gets_the_model_and_its_arguments(tmp_path: Path) -> None:
    made = make(tmp_path, "scale", factor=0)

    assert not made.model.get_layer("class").kernel.numpy().any()


def test_a_new_model_can_be_trained_as_the_one_before(tmp_path: Path) -> None:
    made = make(tmp_path, "grow")

    assert made.model.layers[-1].name == "soft"
    assert made.compiled
    assert made.compiled.loss == "sparse_categorical_crossentropy"


LINE = crash.__code__.co_firstlineno + 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("forget", "forget returned None, not a tf_keras model; return the model"),
        (
            "other_inputs",
            "other_inputs returned a model with the inputs tokens (None, 6), not image "
            "(None, 8, 8, 4); keep the names and shapes of the inputs",
        ),
        ("crash", f"crash raised RuntimeError: no cnn today (test_apply_user_stage.py:{LINE})"),
    ],
)
def test_a_stage_that_goes_wrong(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(JobError) as raised:
        make(tmp_path, name)

    assert str(raised.value) == f"tests.workers.compress.stages.test_apply_user_stage:{message}"


def test_a_model_that_cannot_be_changed(tmp_path: Path) -> None:
    model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(1)])
    model.export(tmp_path / "saved")
    wanted = job(
        UserStage(call="tests.workers.compress.stages.test_apply_user_stage:scale"),
        trainees.file(tmp_path / "saved"),
    )

    with pytest.raises(JobError) as raised:
        run_stage(wanted, tmp_path, no_progress)

    assert str(raised.value) == (
        f"{tmp_path / 'saved'} is a SavedModel or a subclassed model: its layers cannot be "
        "changed; name a functional or Sequential Keras model"
    )

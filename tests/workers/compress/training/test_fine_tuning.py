from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras

from pytest_modelbudget.budgetfile.stages import Prune
from pytest_modelbudget.budgetfile.types import CallSource, FileSource
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.workers.compress.training import fine_tuning, trainable, training_set
from pytest_modelbudget.workers.compress.training.training_set import TrainingSteps, plan_steps
from tests.workers.compress import trainees
from tests.workers.compress.building import no_progress
from tests.workers.compress.trainees import accuracy, call, job

pytestmark = [
    pytest.mark.tensorflow,
    # Keras 3 on NumPy 2: https://github.com/keras-team/keras/pull/21288
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def train(wanted: BuildJob, epochs: int = 1, **options: Any) -> Any:
    start = trainable.begin(wanted)
    fine_tuning.fit(start, wanted, epochs, no_progress, **options)
    return start.model


def weights(model: Any) -> bytes:
    return b"".join(weight.tobytes() for weight in model.get_weights())


def test_training_learns_and_tells_its_progress() -> None:
    wanted = job(Prune(), call("cnn"))
    start = trainable.begin(wanted)
    told = []

    def tell(activity: str) -> None:
        told.append(activity)

    fine_tuning.fit(start, wanted, 3, tell)

    assert accuracy(start.model) > 0.95
    assert told[0::2] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert told[5].startswith("epoch 3/3, loss ")


def test_another_seed_gives_other_weights() -> None:
    """The same one gives the same bytes: see ``tests/recipes/test_stages.py``."""
    first, second = (weights(train(job(Prune(), call("cnn"), seed=seed))) for seed in (0, 1))

    assert first != second


def test_a_step_and_the_update_of_the_statistics_are_traced_once_each() -> None:
    traced = []

    class Noted(tf_keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any, training: bool | None = None) -> Any:
            if training:
                traced.append(x)
            return x

    layers = [
        tf_keras.layers.Input((8, 8, 4)),
        Noted(),
        tf_keras.layers.BatchNormalization(),
        tf_keras.layers.Flatten(),
        tf_keras.layers.Dense(trainees.CLASSES, activation="softmax"),
    ]
    start = trainable.Trainable(tf_keras.Sequential(layers), None)
    wanted = job(Prune(), call("cnn"), loss="sparse_categorical_crossentropy", optimizer="adam")

    fine_tuning.fit(start, wanted, 2, no_progress)

    assert len(traced) == 2


def test_steps_are_whole_batches() -> None:
    steps = plan_steps(job(Prune(), call("cnn"), batch_size=48), epochs=3)

    assert steps == TrainingSteps(samples=200, batch_size=48, steps_per_epoch=4, epochs=3)
    assert steps.total == 12


def test_an_epoch_shows_each_sample_once_in_a_new_order(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = job(Prune(), call("images", count=192))
    steps = plan_steps(wanted, epochs=2)
    opened = training_set.open_training_set(wanted)
    # Room for two batches at a time, as a large data set has room for only some.
    monkeypatch.setattr(training_set, "SHUFFLED_BYTES", opened.sample_bytes * 70)

    seen = [np.asarray(batch.x)[:, 0, 0, 0] for batch in opened.batches(steps, seed=0)]

    assert [len(batch) for batch in seen] == [32] * 12
    first, second = np.concatenate(seen[:6]), np.concatenate(seen[6:])
    x = np.asarray(trainees.images(count=192)[0])[:, 0, 0, 0]
    for epoch in (first, second):
        assert sorted(epoch) == sorted(x)
        assert (epoch != x).any()
    assert (first != second).any()


def test_what_a_model_was_compiled_with_survives_its_file(tmp_path: Path) -> None:
    wanted = job(Prune(), call("cnn", rate=0.125))
    start = trainable.begin(wanted)
    fine_tuning.fit(start, wanted, 1, no_progress)
    trainable.save(start, tmp_path)

    again = trainable.load(tmp_path)

    assert weights(again.model) == weights(start.model)
    assert again.compiled == start.compiled
    fine_tuning.fit(again, wanted, 1, no_progress)
    assert again.model.optimizer.learning_rate.numpy() == 0.125
    # Adam has two more variables for each weight; none of them is in the file.
    assert (tmp_path / "model.keras").stat().st_size < 2 * len(weights(start.model)) + 30_000


def test_a_keras_3_file_trains(tmp_path: Path) -> None:
    inner = [keras.layers.Flatten(), keras.layers.Dense(trainees.CLASSES, activation="softmax")]
    model = keras.Sequential([keras.Input((8, 8, 4), name="image"), *inner])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "model.keras")

    trained = train(job(Prune(), FileSource(path=tmp_path / "model.keras"), learning_rate=0.05), 4)

    assert isinstance(trained, tf_keras.Model)
    assert accuracy(trained) > 0.95


def test_several_inputs_are_given_by_name() -> None:
    wanted = job(Prune(), call("two_sides"), train=call("pairs"))

    assert np.isfinite(train(wanted).history.history["loss"]).all()


TOO_FEW = "tests.workers.compress.trainees:images has 20 samples, fewer than one batch of 32"
FITS_NOT = (
    "tests.workers.compress.trainees:tokens: input image needs samples of shape (8, 8, 4), "
    "but x has"
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"model": call("cnn", compiled=False)},
            "training needs a loss, and the model was not compiled with one; compile the model, "
            "or set training.loss, such as sparse_categorical_crossentropy",
        ),
        (
            {"model": CallSource(call="tests.workers.compress.zoo:cnn")},
            "training needs a loss, and the model was not compiled with one; compile the model, "
            "or set training.loss, such as sparse_categorical_crossentropy",
        ),
        (
            {"loss": "sparse_crossentropy"},
            "training.loss: tf_keras has no loss sparse_crossentropy; write a name that "
            "tf_keras.losses.get() accepts, or package.module:callable",
        ),
        (
            {"optimizer": "adamm"},
            "training.optimizer: tf_keras has no optimizer adamm; write a name that "
            "tf_keras.optimizers.get() accepts, such as adam or sgd",
        ),
        (
            {"train": call("images", count=20)},
            f"{TOO_FEW}; add samples, or set training.batch_size: 20",
        ),
        (
            {"train": call("tokens")},
            f"{FITS_NOT} samples of shape (6,); reshape the samples",
        ),
        (
            {"train": call("unlabelled")},
            "tests.workers.compress.trainees:unlabelled has no labels to train with; return (x, y)",
        ),
        (
            {"model": call("cnn", frozen=["conv", "norm", "depthwise", "dense", "class"])},
            "the model cnn cannot be trained: no layer is trainable; set trainable = True on the "
            "layers to train",
        ),
        (
            {"loss": "categorical_crossentropy"},
            "training failed: Shapes (None, 1) and (None, 4) are incompatible; "
            "check that the loss fits the labels and the model's outputs; see the log",
        ),
    ],
)
def test_what_cannot_be_trained_is_an_error_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(JobError) as raised:
        train(job(Prune(), **({"model": call("cnn")} | options)))

    assert str(raised.value) == message


def test_a_label_outside_of_the_classes() -> None:
    with pytest.raises(
        JobError, match=r"training failed: indices\[\d+\] = [45] is not in \[0, 4\)"
    ):
        train(job(Prune(), call("perceptron"), train=call("images", labels=6)))


def test_a_loss_that_is_no_longer_finite_stops_the_training() -> None:
    wanted = job(
        Prune(), call("two_sides"), train=call("pairs"), optimizer="sgd", learning_rate=1e8
    )

    with pytest.raises(JobError) as raised:
        train(wanted, epochs=9)

    assert str(raised.value) == (
        "the loss became nan in epoch 1/9, step 3/6; lower training.learning_rate, or look for "
        "extreme values in data.train"
    )


def test_weights_that_are_no_longer_finite_stop_the_training() -> None:
    wanted = job(Prune(), call("masking"), train=call("overflowing"))

    with pytest.raises(JobError) as raised:
        train(wanted, epochs=2)

    assert raised.value.cause == (
        "the weights conv/kernel:0 contain NaN or infinity after epoch 1/2"
    )


def test_data_with_fewer_samples_in_a_later_pass_stops_the_training() -> None:
    trainees.READ.clear()
    wanted = job(Prune(), call("perceptron"), train=call("shrinking"))

    with pytest.raises(JobError) as raised:
        train(wanted, epochs=2)

    assert str(raised.value) == (
        "data.train has 256 samples in the first pass, but fewer in a later one; "
        "return the same samples in every pass"
    )

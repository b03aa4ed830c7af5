from pathlib import Path
from typing import Any

import keras
import pytest

from pytest_modelbudget.budgetfile.stages import (
    Cluster,
    Distill,
    LayerSelection,
    Prune,
    PruneChannels,
    QuantizeAware,
    Stage,
    UserStage,
)
from pytest_modelbudget.budgetfile.types import FileSource, Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import Preflight, PreflightJob
from pytest_modelbudget.protocol.layer_choice import Selection
from pytest_modelbudget.workers.compress.preflight import preflight
from pytest_modelbudget.workers.compress.stages import keras_stage
from tests.workers.compress.building import no_progress
from tests.workers.compress.trainees import CLASSES, call, images, job

pytestmark = [
    pytest.mark.tensorflow,
    # Keras 3 on NumPy 2: https://github.com/keras-team/keras/pull/21288
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
READ: list[int] = []


class Stream:
    """Batches of 32 that count how many were read."""

    def __iter__(self) -> Any:
        x, y = images(count=192)
        for start in range(0, 192, 32):
            READ.append(start)
            yield x[start : start + 32], y[start : start + 32]


def stream() -> Stream:
    return Stream()


def look(model: Source, *stages: Stage, train: Source | None = None) -> Preflight:
    steps = tuple(job(stage, model, train=train) for stage in stages)
    return preflight(PreflightJob(steps=steps), no_progress)


def test_it_sees_what_the_real_stages_choose_without_training(tmp_path: Path) -> None:
    stages: tuple[Stage, ...] = (
        PruneChannels(epochs=1),
        Prune(sparsity=0.5, epochs=1),
        QuantizeAware(),
    )
    seen = look(call("cnn"), *stages)

    chosen: list[Selection | None] = []
    parent = None
    for number, stage in enumerate(stages):
        output = tmp_path / str(number)
        output.mkdir()
        wanted = job(stage, call("cnn"), parent=parent, before=stages[:number])
        keras_stage(stage.kind).run(wanted, output, no_progress)
        chosen.append(Selection.read(output))
        parent = output

    assert list(seen.selections) == chosen


def test_after_distillation_the_student_is_the_model() -> None:
    student = "tests.workers.compress.trainees:perceptron"
    seen = look(call("cnn"), Distill(student=student), Prune())

    assert seen.selections[0] is None
    assert seen.selections[1] == Selection(
        taken=("dense", "class"), left={"flat": "it has no weights"}
    )


def test_behind_a_stage_of_the_users_own_nothing_is_known() -> None:
    own = UserStage(call="tests.workers.compress.trainees:accuracy")
    only = LayerSelection(only=("made_by_it",))

    assert look(call("perceptron"), own, Prune(layers=only)).selections == (None,)


def test_a_mistake_has_the_index_of_its_stage() -> None:
    only = LayerSelection(only=("danse",))

    with pytest.raises(JobError) as raised:
        look(call("perceptron"), Prune(), Prune(), Cluster(layers=only))

    assert (raised.value.stage, raised.value.cause) == (2, "layers: no layer matches 'danse'")


def test_one_batch_of_the_data_is_enough() -> None:
    READ.clear()
    source = call("perceptron")
    train = source.model_copy(update={"call": "tests.workers.compress.test_preflight:stream"})

    look(source, Prune(), Cluster(), train=train)

    assert READ == [0]


def test_a_layer_that_only_keras_3_has_goes_by_its_own_class(tmp_path: Path) -> None:
    x = image = keras.Input((8, 8, 4), name="image")
    x = keras.layers.RMSNormalization(name="rms")(keras.layers.Flatten(name="flat")(x))
    model = keras.Model(image, keras.layers.Dense(CLASSES, name="class")(x))
    model.compile("adam", "mse")
    model.save(tmp_path / "model.keras")
    source = FileSource(path=tmp_path / "model.keras")

    (left,) = (each.left for each in look(source, Prune()).selections if each)
    assert left["rms"] == "tfmot prunes no RMSNormalization"
    skip = LayerSelection(skip=("RMSNormalization",))
    (left,) = (each.left for each in look(source, Prune(layers=skip)).selections if each)
    assert left["rms"] == "in layers: skip"

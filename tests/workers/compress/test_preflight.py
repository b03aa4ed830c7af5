import re
from pathlib import Path
from typing import Any

import keras
import pytest

from pytest_modelbudget.budgetfile.stages import (
    Cluster,
    Distill,
    KerasFile,
    LayerSelection,
    Prune,
    PruneChannels,
    Quantize,
    QuantizeAware,
    SavedModel,
    Stage,
    UserStage,
)
from pytest_modelbudget.budgetfile.types import FileSource, Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import Preflight, PreflightJob
from pytest_modelbudget.protocol.layer_choice import LayerChoice
from pytest_modelbudget.workers.compress import preflight
from pytest_modelbudget.workers.compress.stages import run_stage
from tests.workers.compress.building import no_progress
from tests.workers.compress.trainees import CLASSES, call, images, job

pytestmark = [
    pytest.mark.tensorflow,
    # Keras 3 on NumPy 2: https://github.com/keras-team/keras/pull/21288
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(?s).*tf.lite.Interpreter is deprecated:UserWarning"),
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


def check(model: Source, *stages: Stage, train: Source | None = None) -> Preflight:
    steps = tuple(job(stage, model, train=train) for stage in stages)
    return preflight.preflight(PreflightJob(steps=steps), no_progress)


def test_it_chooses_the_same_layers_as_the_stages_without_training(tmp_path: Path) -> None:
    stages: tuple[Stage, ...] = (
        PruneChannels(epochs=1),
        Prune(sparsity=0.5, epochs=1),
        QuantizeAware(),
    )
    seen = check(call("cnn"), *stages)

    chosen: list[LayerChoice | None] = []
    parent = None
    for number, stage in enumerate(stages):
        output = tmp_path / str(number)
        output.mkdir()
        wanted = job(stage, call("cnn"), parent=parent, before=stages[:number])
        run_stage(wanted, output, no_progress)
        chosen.append(LayerChoice.read(output))
        parent = output

    assert list(seen.layer_choices) == chosen


def test_after_distillation_the_student_is_the_model() -> None:
    student = "tests.workers.compress.trainees:perceptron"
    seen = check(call("cnn"), Distill(student=student), Prune())

    assert seen.layer_choices[0] is None
    assert seen.layer_choices[1] == LayerChoice(
        chosen=("dense", "class"), skipped={"flat": "no weights"}
    )


def test_it_ends_after_a_stage_of_the_users_own() -> None:
    own = UserStage(call="tests.workers.compress.trainees:accuracy")
    only = LayerSelection(only=("made_by_it",))

    assert check(call("perceptron"), own, Prune(layers=only)).layer_choices == (None,)


def test_a_mistake_has_the_index_of_its_stage() -> None:
    only = LayerSelection(only=("danse",))

    with pytest.raises(JobError) as raised:
        check(call("perceptron"), Prune(), Prune(), Cluster(layers=only))

    assert (raised.value.stage, raised.value.cause) == (2, "layers: no layer matches 'danse'")


def test_one_batch_of_the_data_is_enough() -> None:
    READ.clear()
    source = call("perceptron")
    train = source.model_copy(update={"call": "tests.workers.compress.test_preflight:stream"})

    check(source, Prune(), Cluster(), train=train)

    assert READ == [0]


def test_a_layer_that_only_keras_3_has_goes_by_its_own_class(tmp_path: Path) -> None:
    x = image = keras.Input((8, 8, 4), name="image")
    x = keras.layers.RMSNormalization(name="rms")(keras.layers.Flatten(name="flat")(x))
    model = keras.Model(image, keras.layers.Dense(CLASSES, name="class")(x))
    model.compile("adam", "mse")
    model.save(tmp_path / "model.keras")
    source = FileSource(path=tmp_path / "model.keras")

    (skipped,) = (each.skipped for each in check(source, Prune()).layer_choices if each)
    assert skipped["rms"] == "pruning does not support RMSNormalization"
    skip = LayerSelection(skip=("RMSNormalization",))
    (skipped,) = (each.skipped for each in check(source, Prune(layers=skip)).layer_choices if each)
    assert skipped["rms"] == "in layers: skip"


def own(name: str) -> Source:
    return call(name).model_copy(update={"call": f"tests.workers.compress.own_layers:{name}"})


@pytest.mark.parametrize("stages", [(Prune(),), (Prune(), Cluster()), (QuantizeAware(),)])
def test_a_model_that_cannot_be_converted(stages: tuple[Stage, ...]) -> None:
    with pytest.raises(JobError) as raised:
        check(own("unconvertible"), *stages, train=call("images"))

    assert raised.value.stage == len(stages) - 1
    assert raised.value.cause == "LiteRT has no operator for TensorFlow's Svd"


@pytest.mark.parametrize("ending", [SavedModel(), KerasFile()])
def test_a_model_that_tensorflow_serves_need_not_be_converted(
    ending: SavedModel | KerasFile,
) -> None:
    steps = (job(Prune(), own("unconvertible"), train=call("images")),)
    last = job(ending, own("unconvertible"), before=(Prune(),))
    seen = preflight.preflight(PreflightJob(steps=steps, endings=(last,)), no_progress)
    assert seen.layer_choices[0] is not None
    assert seen.layer_choices[0].chosen == ("class",)


@pytest.mark.parametrize(
    ("stage", "doing"),
    [(Prune(), "saving the model"), (QuantizeAware(), "copying the layers of the model")],
)
def test_a_layer_that_cannot_be_saved(stage: Stage, doing: str) -> None:
    with pytest.raises(JobError) as raised:
        check(own("unsaved"), stage, train=call("images"))

    message = f"{doing} unsaved raised NotImplementedError: it has no config (own_layers.py:0)"
    assert re.sub(r":\d+\)", ":0)", raised.value.cause) == message


def test_a_lambda_that_a_stage_saves_needs_trust() -> None:
    with pytest.raises(JobError) as raised:
        check(own("doubled"), Prune(), train=call("images"))

    assert "Requested the deserialization of a Lambda layer" in raised.value.cause
    assert raised.value.hint == "write trust_code: true if you trust the author of the file"


def check_quantized(model: Source, *stages: Quantize, train: Source) -> None:
    ending = job(Quantize(), model, train=train, before=(Prune(),))
    endings = tuple(ending.model_copy(update={"stage": stage}) for stage in stages)
    steps = (job(Prune(), model, train=train),)
    preflight.preflight(PreflightJob(steps=steps, endings=endings), no_progress)


CONVERTER = Quantize(backend="converter")
MISSPELT = Quantize(backend="litert", layers={"danse": "int4"})


def test_what_a_quantizer_cannot_do_is_told_before_the_training() -> None:
    with pytest.raises(JobError, match="no layer matches 'danse'; the layers are ") as raised:
        check_quantized(call("cnn"), MISSPELT, train=call("images"))
    assert raised.value.stage == 1


def test_the_causes_of_both_quantizers_are_told() -> None:
    with pytest.raises(JobError) as raised:
        check_quantized(call("lstm"), MISSPELT, CONVERTER, train=call("tokens"))
    first, second = str(raised.value).splitlines()
    assert first.startswith("no layer matches 'danse'; the layers are ")
    assert second == (
        "with backend: converter: the TFLiteConverter cannot calibrate the loop of both; "
        "write backend: litert"
    )


def test_one_of_two_quantizers_is_enough() -> None:
    check_quantized(call("cnn"), MISSPELT, CONVERTER, train=call("images"))

"""What a stage says of itself, which decides what is built again and in which process."""

from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.stages import (
    STAGES,
    Convert,
    Distill,
    Prune,
    Quantize,
    QuantizeAware,
    Stage,
    UserStage,
)
from pytest_modelbudget.budgetfile.types import CallSource, Data, FileSource, Source

TRAIN, TEST, SOME = (CallSource(call=f"m:{name}") for name in ("train", "test", "some"))
ALL = Data(train=TRAIN, test=TEST, calibration=SOME)
NET = CallSource(call="m:net")


@pytest.mark.parametrize(
    ("stage", "read"),
    [
        (Prune(), Data(train=TRAIN)),
        (QuantizeAware(), Data(train=TRAIN)),
        (Convert(), Data()),
        (Quantize(scheme="int8"), Data(calibration=SOME)),
        (Quantize(scheme="int16x8"), Data(calibration=SOME)),
        (Quantize(scheme="dynamic"), Data()),
        (Quantize(scheme="float16"), Data()),
        (Quantize(scheme="int4"), Data()),
        (Quantize(scheme="int4", layers={"dense": "int8"}), Data(calibration=SOME)),
        (Quantize(scheme="int4", layers={"dense": "float32"}), Data()),
        (UserStage(call="m:f"), Data()),
    ],
    ids=str,
)
def test_a_stage_depends_only_on_the_data_that_it_reads(stage: Stage, read: Data) -> None:
    assert stage.data_read(ALL) == read


def test_training_data_calibrate_where_there_are_no_others() -> None:
    data = Data(train=TRAIN, test=TEST)
    assert Quantize().data_read(data) == Data(train=TRAIN)


@pytest.mark.parametrize(
    ("stage", "sources"),
    [
        (Prune(), ()),
        (Prune(schedule="m:schedule"), (CallSource(call="m:schedule"),)),
        (Distill(student="m:net"), (NET,)),
        (Distill(student="s.keras"), (FileSource(path=Path("s.keras")),)),
        (
            UserStage(call="m:f", args={"rate": 0.5}),
            (CallSource(call="m:f", args={"rate": 0.5}),),
        ),
    ],
    ids=str,
)
def test_a_stage_depends_on_the_code_and_models_that_it_names(
    stage: Stage, sources: tuple[Source, ...]
) -> None:
    assert stage.own_sources() == sources


@pytest.mark.parametrize(
    ("stage", "of_keras", "of_tflite"),
    [
        (Prune(), True, False),
        (Convert(), True, False),
        (Convert(sparse=True), False, False),
        (Quantize(), False, False),
        (Quantize(backend="converter"), True, True),
    ],
    ids=str,
)
def test_tensorflow_is_started_only_for_what_needs_it(
    stage: Stage, of_keras: bool, of_tflite: bool
) -> None:
    assert stage.needs_tensorflow(NET) is of_keras
    assert stage.needs_tensorflow(FileSource(path=Path("net.keras"))) is of_keras
    assert stage.needs_tensorflow(FileSource(path=Path("net.TFLITE"))) is of_tflite


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_called_by_its_name(name: str) -> None:
    assert STAGES[name].name() == name

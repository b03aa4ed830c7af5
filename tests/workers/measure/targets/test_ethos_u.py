"""Vela for real: https://pypi.org/project/ethos-u-vela."""

from pathlib import Path
from typing import Any

import pytest

from pytest_modelbudget.budgetfile.stages import Quantize
from pytest_modelbudget.budgetfile.targets import ETHOS_U
from pytest_modelbudget.budgetfile.types import Data
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.workers.compress.convert.litert_quantizer import quantize
from tests.workers.flatbuffers import BLOBS, add, edited, emptied, tensor
from tests.workers.measure.targets.conftest import Measure

HIDDEN_BYTES, INPUT_BYTES = 64, 16


def test_the_names_are_those_of_vela() -> None:
    # Not at the top, because the import takes 0.4 s wherever tests are collected.
    from ethosu.vela.architecture_features import Accelerator

    assert set(ETHOS_U.names) == {each.value for each in Accelerator}


def check(figures: Figures) -> None:
    assert 0 < figures.latency_s < 1e-3
    assert figures.p90_s is None
    assert figures.memory_bytes is not None
    assert figures.memory_bytes >= INPUT_BYTES + HIDDEN_BYTES
    assert figures.size_bytes is not None
    assert 1000 < figures.size_bytes < 10_000


@pytest.mark.parametrize("accelerator", ["ethos-u65-512", "ethos-u85-2048"])
def test_every_family_gives_figures(
    measured: Measure, integer_blobs: Path, accelerator: str
) -> None:
    figures = measured(accelerator, integer_blobs)
    check(figures)
    assert f"Vela 5.2.0 for {accelerator}, Ethos_U{accelerator[7:9]}_" in figures.how


def test_how_names_the_system_the_memory_mode_and_the_memories(
    measured: Measure, integer_blobs: Path
) -> None:
    figures = measured("ethos-u55-128", integer_blobs)
    check(figures)
    assert figures.memory_bytes == INPUT_BYTES + HIDDEN_BYTES
    assert figures.how == (
        "estimated by Vela 5.2.0 for ethos-u55-128, Ethos_U55_High_End_Embedded, Shared_Sram: "
        "0.07812 KiB of SRAM, 0.8906 KiB of flash"
    )


def test_a_float_model_is_never_a_pass(measured: Measure) -> None:
    with pytest.raises(JobError) as error:
        measured("ethos-u55-128", BLOBS)
    assert error.value.cause == (
        "Vela places 2 of 2 operators with 100.0% of the MACs on the CPU, and does not estimate "
        "them: FULLY_CONNECTED"
    )
    assert error.value.hint == (
        "quantize the whole model with `quantize: {scheme: int8, io: int8}`, and avoid operators "
        "that `vela --supported-ops-report` does not list"
    )


def test_a_single_operator_on_the_cpu_is_named(
    measured: Measure, integer_blobs: Path, tmp_path: Path
) -> None:
    def give_floats_too(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.tensors.append(tensor((1, 16), "FLOAT32"))
        add(model, "DEQUANTIZE", [graph.inputs[0]], len(graph.tensors) - 1)
        graph.outputs = [*graph.outputs, len(graph.tensors) - 1]
        model.signatureDefs = []

    path = edited(tmp_path / "m.tflite", give_floats_too, integer_blobs)
    with pytest.raises(JobError) as error:
        measured("ethos-u85-256", path)
    assert error.value.cause == (
        "Vela places 1 of 3 operators with 0.0% of the MACs on the CPU, and does not estimate "
        "them: DEQUANTIZE"
    )


def test_a_crash_says_by_which_signal(measured: Measure, tmp_path: Path) -> None:
    path = tmp_path / "int4.tflite"
    path.write_bytes(quantize(BLOBS.read_bytes(), None, Quantize(scheme="int4"), Data()))
    with pytest.raises(JobError) as error:
        measured("ethos-u55-128", path)
    assert error.value.cause.startswith("Vela was killed by SIGFPE: ")
    assert error.value.hint == (
        "try another recipe or a newer Vela; if the model runs in LiteRT, "
        "report it to Vela's authors"
    )


def test_an_estimate_of_zero_is_none(measured: Measure, tmp_path: Path) -> None:
    def do_nothing(model: Any) -> None:
        graph = emptied(model, tensor((1, 16), "INT8"))
        graph.inputs = graph.outputs = [0]

    with pytest.raises(JobError) as error:
        measured("ethos-u55-128", edited(tmp_path / "m.tflite", do_nothing))
    assert error.value.cause == "Vela 5.2.0 estimates an inference time of 0 s"


def test_the_batch_is_as_the_model_is_stored(measured: Measure, integer_blobs: Path) -> None:
    with pytest.raises(JobError) as error:
        measured("ethos-u55-128", integer_blobs, batch_size=4)
    assert str(error.value) == (
        "ethos-u55-128 runs the model with its stored batch size of 1, "
        "but latency.batch_size is 4; "
        "write latency: {batch_size: 1}, or convert the model with a fixed batch size of 4"
    )

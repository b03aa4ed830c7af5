"""Counts with the Valgrind of this machine, and what is refused."""

from collections import Counter
from pathlib import Path

import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.inference_costs import Instructions
from pytest_modelbudget.protocol.measurement_jobs import InstructionsJob
from pytest_modelbudget.workers.measure.instructions import counting
from pytest_modelbudget.workers.measure.instructions.callgrind_output import InvocationCost, parse
from pytest_modelbudget.workers.measure.instructions.counting import count_instructions
from tests.conftest import needs_valgrind, shell_script
from tests.workers.flatbuffers import BLOBS

MODELS = Path(__file__).parents[2] / "models"
VALGRIND = Path("/usr/bin/valgrind")


def count(
    model: Path, output: Path, valgrind: Path = VALGRIND, batch_size: int = 1
) -> Instructions:
    job = InstructionsJob(
        counted=model,
        batch_size=batch_size,
        valgrind=valgrind,
        version="valgrind-3.19.0",
        timeout_s=300,
    )
    return count_instructions(job, output, lambda _: None)


def refused(model: Path, output: Path, valgrind: Path = VALGRIND) -> str:
    with pytest.raises(JobError) as error:
        count(model, output, valgrind)
    return str(error.value)


@needs_valgrind
def test_a_larger_batch_takes_more_and_two_processes_agree(tmp_path: Path) -> None:
    one = parse(Path(__file__).with_name("blobs.callgrind").read_text())
    four = count(BLOBS, tmp_path, batch_size=4)
    assert one.count < four.count < 4 * one.count
    assert four.functions[0].name.startswith("xnn_f32_gemm_")
    assert four.outside_xnnpack == ()
    assert (four.valgrind, "AVX-512" in four.cpu) == ("valgrind-3.19.0", True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "any_length",
            "input x has the open shape (-1, -1), and what is measured depends on its size; "
            "convert the model with every dimension fixed but the batch",
        ),
        (
            "text",
            "input x takes strings, and random inputs are numbers only; "
            "gate the part of the model that takes numbers",
        ),
        (
            "fixed",
            "the model takes batches of 4, not 1; convert it with an open batch size",
        ),
    ],
)
def test_a_model_that_cannot_run_is_refused_before_valgrind(
    model: str, message: str, tmp_path: Path
) -> None:
    assert refused(MODELS / f"{model}.tflite", tmp_path, Path("/missing")) == message


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 3", "exited with code 3 (no output); the log shows all that it wrote"),
        ("kill -SEGV $$", "was killed by SIGSEGV (no output); the log shows all that it wrote"),
    ],
)
def test_a_valgrind_that_fails(script: str, message: str, tmp_path: Path) -> None:
    valgrind = shell_script(tmp_path / "valgrind", script)
    assert refused(BLOBS, tmp_path, valgrind) == f"{valgrind} {message}"
    assert list(tmp_path.iterdir()) == [valgrind]


def test_a_valgrind_that_counts_nothing(tmp_path: Path) -> None:
    assert refused(BLOBS, tmp_path, shell_script(tmp_path / "valgrind", "")) == (
        "callgrind has counted 0 of 3 invocations; report this version of Valgrind as unsupported"
    )


def test_an_instruction_that_valgrind_does_not_know(tmp_path: Path) -> None:
    # The log of Valgrind 3.19 on code with an AVX-512 instruction.
    log = Path(__file__).with_name("unknown_instruction.log")
    script = (
        f'for arg; do case $arg in --log-file=*) cp {log} "${{arg#*=}}";; esac; done; kill -ILL $$'
    )
    assert refused(BLOBS, tmp_path, shell_script(tmp_path / "valgrind", script)) == (
        "Valgrind cannot run LiteRT: unhandled instruction bytes: "
        "0x62 0xF1 0x7C 0x48 0x28 0xF 0xC3 0x0 0x0 0x0; install a newer Valgrind"
    )


def test_counts_that_differ_name_the_functions() -> None:
    wrapper = "tflite::interpreter_wrapper::InterpreterWrapper::Invoke(int)"

    def invocation(kernel: int) -> InvocationCost:
        calls = {
            (wrapper, "tflite::Subgraph::Invoke()"): 10_000 + kernel,
            ("tflite::Subgraph::Invoke()", "tflite::kernel(int)"): kernel,
        }
        own = {"tflite::Subgraph::Invoke()": 10_000, "tflite::kernel(int)": kernel}
        return InvocationCost(Counter(own), Counter(calls))

    counting._require_equal([invocation(7)] * 3)
    with pytest.raises(JobError) as error:
        counting._require_equal([invocation(9), invocation(7), invocation(8)])
    assert str(error.value) == (
        "the counts of equal invocations differ, 10,007 and 10,009, in kernel; "
        "judge the model by another limit"
    )

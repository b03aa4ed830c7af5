"""Files that LiteRT loads, but whose numbers and names refer to nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.cases import Tally
from benchmarks.fuzz.tflite import CORPUS, Tflite, models
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.integrity import check_integrity
from tests.workers.flatbuffers import BLOBS, WIDEN, edited


def graph(model: Any) -> Any:
    return model.subgraphs[0]


def set_one(sequence: Any, index: int, value: int) -> list[int]:
    return [*sequence[:index], value, *sequence[index + 1 :]]


def refer_to_no_tensor(model: Any) -> None:
    graph(model).operators[0].inputs = set_one(graph(model).operators[0].inputs, 1, 77)


def refer_to_no_output(model: Any) -> None:
    graph(model).outputs = [-2]


def compute_no_output(model: Any) -> None:
    graph(model).operators = graph(model).operators[:-1]


def have_no_output(model: Any) -> None:
    graph(model).outputs = []


def have_no_signature_output(model: Any) -> None:
    model.signatureDefs[0].outputs = []


def have_a_bad_name(model: Any) -> None:
    graph(model).tensors[WIDEN].name = b"\xff"


def have_an_odd_constant(model: Any) -> None:
    buffer = model.buffers[graph(model).tensors[WIDEN].buffer]
    buffer.data = np.append(np.asarray(buffer.data, np.uint8), np.uint8(0))


def have_no_inputs(model: Any) -> None:
    graph(model).operators[0].inputs = None


def have_an_empty_input(model: Any) -> None:
    tensor = graph(model).tensors[graph(model).inputs[0]]
    tensor.shape = tensor.shapeSignature = [0, 16]


def take_no_elements(model: Any) -> None:
    graph(model).tensors[graph(model).inputs[0]].shapeSignature = [-1, 0]


TRACEBACKS = (
    *("input_without_elements", "output_never_computed", "output_of_no_signature"),
    *("output_without_data", "signature_without_key"),
)
DAMAGES: dict[Callable[[Any], None], str] = {
    refer_to_no_tensor: "tensor 77 does not exist",
    refer_to_no_output: "output -2 does not exist",
    compute_no_output: "output 5 is never computed",
    have_no_output: "it has no output",
    have_no_signature_output: "a signature has no outputs",
    have_a_bad_name: r"the name b'\xff' is not UTF-8",
    have_an_odd_constant: "tensor 3 has 4,097 B, not a multiple of 4 B",
    have_no_inputs: "an operator has no inputs or no outputs",
    take_no_elements: "input 0 has no elements",
    have_an_empty_input: "input 0 has no elements",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_is_damaged_is_said(tmp_path: Path, damage: Callable[[Any], None]) -> None:
    path = edited(tmp_path / "m.tflite", damage)
    with pytest.raises(JobError) as caught:
        check_integrity(path.read_bytes(), "m.tflite")
    assert str(caught.value) == (
        f"m.tflite is a damaged .tflite: {DAMAGES[damage]}; copy or convert it again"
    )


@pytest.mark.parametrize("number", range(len(models())))
def test_what_converters_write_is_not_damaged(number: int) -> None:
    check_integrity(models()[number], "m.tflite")


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Tflite:
    return Tflite(tmp_path_factory.mktemp("fuzzed"), seed=1)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=st.integers(0, 2**32))
def test_a_mutated_model_is_measured_or_refused(fuzzed: Tflite, case: int) -> None:
    fuzzed.tally = Tally()
    fuzzed.run(case)
    assert fuzzed.tally.failures == {}


@pytest.mark.parametrize("name", TRACEBACKS)
def test_what_once_ended_in_a_traceback(fuzzed: Tflite, name: str) -> None:
    fuzzed.tally = Tally()
    fuzzed.run_content(0, (CORPUS / f"{name}.tflite").read_bytes())
    assert fuzzed.tally.counts
    assert fuzzed.tally.failures == {}


def test_the_mutants_of_a_seed_are_always_the_same(fuzzed: Tflite) -> None:
    assert fuzzed.mutant(7) == fuzzed.mutant(7) != fuzzed.mutant(8)
    assert BLOBS.read_bytes() in models()

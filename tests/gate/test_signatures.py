"""Models with several signatures: the one that the budget file names is gated, through pytest."""

import copy
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from tests.conftest import Project, outcomes
from tests.workers.flatbuffers import add, edited, tensor

BUDGET = """
version: 1
model: blobs.tflite
data: {test: blobs:test, calibration: blobs:calibration}
budget: {min_accuracy: 0.96, max_macs: 1281, max_bytes: 8 kB}
"""


def add_worst(model: schema.ModelT) -> None:
    """Let the first signature return the negated output, and a second one the output."""
    graph, first = model.subgraphs[0], model.signatureDefs[0]
    model.subgraphs.append(copy.deepcopy(graph))
    second = copy.deepcopy(first)
    second.subgraphIndex, second.signatureKey = 1, b"classify"
    model.signatureDefs.append(second)
    first.signatureKey = b"worst"
    graph.tensors.append(tensor((1, 4)))
    graph.tensors[-1].shapeSignature = [-1, 4]
    add(model, "NEG", [graph.outputs[0]], len(graph.tensors) - 1)
    graph.outputs = [len(graph.tensors) - 1]
    first.outputs[0].tensorIndex = len(graph.tensors) - 1


@pytest.fixture
def two(blobs: Project) -> Project:
    edited(blobs.root / "blobs.tflite", add_worst)
    return blobs


def gate(project: Project, signature: str, recipe: str = "[]") -> tuple[dict[str, str], str]:
    text = f"{BUDGET}recipe: {recipe}\n" + (f"signature: {signature}\n" if signature else "")
    project.write("blobs.budget.yaml", text)
    result = project.pytest("-v", "--budget-artifacts=dist")
    found = outcomes(result.output)
    return {name.rpartition("::")[2]: found[name] for name in found}, result.output


def test_the_signature_that_is_named_is_judged(two: Project) -> None:
    passed = dict.fromkeys(("min_accuracy", "max_macs", "max_bytes"), "PASSED")
    assert gate(two, "classify")[0] == passed
    shipped = two.root / "dist" / "blobs.tflite"
    kept = flatbuffer_utils.read_model(str(shipped)).signatureDefs
    assert {each.signatureKey for each in kept} == {b"worst", b"classify"}
    found, output = gate(two, "worst")
    assert found == passed | {"min_accuracy": "FAILED"}
    assert "min_accuracy: 0.00" in output
    assert not shipped.exists()


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("", "{} has 2 signatures: worst, classify\nwrite signature: with the one to gate\n"),
        ("best", "{} has no signature best\nwrite signature: with one of worst, classify\n"),
    ],
)
def test_a_signature_must_be_named_and_exist(two: Project, signature: str, message: str) -> None:
    found, output = gate(two, signature)
    assert set(found.values()) == {"ERROR"}
    assert message.format(two.root / "blobs.tflite") in output


def test_one_of_several_signatures_is_not_quantized(two: Project) -> None:
    found, output = gate(two, "classify", "int8")
    assert set(found.values()) == {"ERROR"}
    assert (
        "quantize: the LiteRT quantizer cannot quantize one of several signatures\n"
        "write the signature to a .tflite of its own, and quantize that\n"
    ) in output


def test_a_keras_model_has_no_signatures(blobs: Project) -> None:
    Path(blobs.root / "blobs.keras").touch()
    blobs.write("blobs.budget.yaml", BUDGET.replace(".tflite", ".keras") + "signature: classify\n")
    result = blobs.pytest()
    assert result.exitcode == 2
    result.has(
        "blobs.budget.yaml:5:1: signature: blobs.keras is a Keras model, which has no signatures; "
        "leave signature out\n"
    )

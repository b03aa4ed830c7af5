"""A model that is slower than its baseline says so where one session measures both."""

import shutil

from ai_edge_litert import schema_py_generated as schema

from tests.conftest import Project, outcomes
from tests.workers.flatbuffers import add, edited, tensor

BUDGET = """
version: 1
model: blobs.tflite
baseline: blobs.tflite
budget: {max_latency: 30 s}
variants:
  slow: {model: slow.tflite}
  other_batch: {model: slow.tflite, latency: {batch_size: 2}}
  float: {}
"""


def slow_down(model: schema.ModelT) -> None:
    """Negate the output an even number of times, which takes many times as long."""
    graph = model.subgraphs[0]
    for _ in range(300):
        graph.tensors.append(tensor((1, 4)))
        graph.tensors[-1].shapeSignature = [-1, 4]
        add(model, "NEG", [graph.outputs[0]], len(graph.tensors) - 1)
        graph.outputs = [len(graph.tensors) - 1]
    model.signatureDefs[0].outputs[0].tensorIndex = graph.outputs[0]


def test_it_is_told_whatever_is_measured_first(blobs: Project) -> None:
    shutil.copy(blobs.root / "blobs.tflite", blobs.root / "slow.tflite")
    edited(blobs.root / "slow.tflite", slow_down)
    blobs.write("blobs.budget.yaml", BUDGET)
    result = blobs.pytest("-v")
    assert set(outcomes(result.output).values()) == {"PASSED"}
    assert result.output.count("slower than the baseline, which takes ") == 1
    of_slow = result.output.rpartition("blobs.budget.yaml slow ")[2]
    assert "slower than the baseline" in of_slow.partition("blobs.budget.yaml other_batch ")[0]

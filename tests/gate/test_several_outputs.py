"""A model with several outputs: the metric says which it reads, through pytest."""

from ai_edge_litert import schema_py_generated as schema

from tests.conftest import Project, outcomes
from tests.workers.flatbuffers import add, edited, tensor

METRICS = """
def right(y_true, y_pred):
    return float((y_pred.argmax(axis=1) == y_true).mean())

def both_right(y_true, y_pred):
    assert sorted(y_pred) == ["scores", "worst"]
    wrong = right(y_true, y_pred["worst"])
    return right(y_true, y_pred["scores"]) - wrong
"""
BUDGET = """
version: 1
model: blobs.tflite
data: {test: blobs:test}
budget: {min_accuracy: 0.9}
variants:
  built_in: {metric: accuracy}
  unnamed: {metric: metrics:right}
  best: {metric: {call: "metrics:right", output: scores}}
  worst: {metric: {accuracy: {output: worst}}}
  both: {metric: {call: "metrics:both_right", outputs: [scores, worst]}}
"""


def add_output(model: schema.ModelT) -> None:
    """Add the negated output as a second one."""
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    graph.tensors.append(tensor((1, 4)))
    graph.tensors[-1].shapeSignature = [-1, 4]
    add(model, "NEG", [graph.outputs[0]], len(graph.tensors) - 1)
    graph.outputs = [*graph.outputs, len(graph.tensors) - 1]
    signature.outputs[0].name = b"scores"
    added = schema.TensorMapT()
    added.name, added.tensorIndex = b"worst", len(graph.tensors) - 1
    signature.outputs.append(added)


def test_the_metric_says_which_output_it_reads(blobs: Project) -> None:
    edited(blobs.root / "blobs.tflite", add_output)
    blobs.write("metrics.py", METRICS)
    blobs.write("blobs.budget.yaml", BUDGET)
    result = blobs.pytest("-v")
    found = {name.split("::")[1]: outcome for name, outcome in outcomes(result.output).items()}
    assert found == {
        "built_in": "FAILED",
        "unnamed": "FAILED",
        "best": "PASSED",
        "worst": "FAILED",
        "both": "PASSED",
    }
    result.has(
        "min_accuracy could not be measured: y is one array, but the model has the outputs",
        "min_accuracy could not be measured: the model has the outputs scores, worst, and "
        "metrics:right does not name one",
        "min_accuracy: 0.0",
    )

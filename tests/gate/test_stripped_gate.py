"""A ``.tflite`` whose names were stripped is gated like any other."""

import json
import shutil
from typing import Any

from ai_edge_litert.tools import flatbuffer_utils

from tests.conftest import Project, outcomes

BUDGET = """
version: 1
model: {model}
data: {{test: blobs:test, calibration: blobs:calibration}}
baseline: baseline.tflite
budget: {{max_accuracy_drop: 1 pp, max_macs: 2k, max_memory: 1 kB}}
variants:
  int8: {{recipe: [quantize: {{io: int8}}], budget: {{max_bytes: 4 kB, integer_only: true}}}}
"""
OTHERS = """\
  float32: {budget: {max_unique_weights: 300}}
  dynamic: {recipe: [quantize: {scheme: dynamic}], budget: {max_bytes: 4 kB}}
"""


def strip_tensors(model: Any) -> None:
    """Strip the names of tensors alone: those in the signature stay."""
    for tensor in model.subgraphs[0].tensors:
        tensor.name = None


def empty_names(model: Any) -> None:
    model.signatureDefs = []
    for tensor in model.subgraphs[0].tensors:
        tensor.name = b""


STRIP = (flatbuffer_utils.strip_strings, strip_tensors, empty_names)


def test_a_stripped_model_passes_the_same_limits(built: Project) -> None:
    """The calibration of int8 needs all names that there are; the others need fewer."""
    shutil.copy(built.root / "blobs.tflite", built.root / "baseline.tflite")
    built.write("blobs.budget.yaml", BUDGET.format(model="blobs.tflite") + OTHERS)
    for strip in STRIP:
        name = strip.__name__
        model = flatbuffer_utils.read_model(str(built.root / "blobs.tflite"))
        strip(model)
        flatbuffer_utils.write_model(model, str(built.root / f"{name}.tflite"))
        others = OTHERS if strip is empty_names else ""
        built.write(f"{name}.budget.yaml", BUDGET.format(model=f"{name}.tflite") + others)
    result = built.pytest("-v", "--budget-json=report.json")
    assert set(outcomes(result.output).values()) == {"PASSED"}, result.output
    measured: dict[str, dict[str, object]] = {}
    for variant in json.loads((built.root / "report.json").read_text())["variants"]:
        for limit in variant["limits"]:
            if limit["name"] != "max_bytes":
                name = f"{variant['variant']} {limit['name']}"
                measured.setdefault(variant["budget"], {})[name] = limit["measured"]
    unstripped = measured.pop("blobs.budget.yaml")
    assert len(unstripped) == 11
    assert measured.pop("empty_names.budget.yaml") == unstripped
    of_int8 = {name: unstripped[name] for name in unstripped if name.startswith("int8 ")}
    assert len(of_int8) == 4
    assert measured == {f"{strip.__name__}.budget.yaml": of_int8 for strip in STRIP[:2]}


def two_outputs(model: Any) -> None:
    model.subgraphs[0].outputs = [*model.subgraphs[0].outputs, hidden(model)]
    flatbuffer_utils.strip_strings(model)


def hidden(model: Any) -> int:
    """Return the tensor of the hidden layer."""
    index: int = model.subgraphs[0].operators[0].outputs[0]
    return index


def test_no_output_of_a_stripped_model_is_lost(blobs: Project) -> None:
    path = blobs.root / "blobs.tflite"
    model = flatbuffer_utils.read_model(str(path))
    two_outputs(model)
    flatbuffer_utils.write_model(model, str(path))
    result = blobs.pytest("-v", "-k", "float32 and min_accuracy")
    result.has(
        "min_accuracy could not be measured: "
        "y is one array, but the model has the outputs output_0, output_1\n"
        "name the output to evaluate, such as metric: {accuracy: {output: output_0}}, or return y "
        "as a dict of it alone\n"
    )
    text = (blobs.root / "blobs.budget.yaml").read_text()
    for output, outcome in (("output_0", "PASSED"), ("output_2", "FAILED")):
        named = f"{text}metric: {{accuracy: {{output: {output}}}}}\n"
        blobs.write("blobs.budget.yaml", named)
        result = blobs.pytest("-v", "-k", "float32 and min_accuracy")
        assert outcomes(result.output) == {"blobs.budget.yaml::float32::min_accuracy": outcome}
    result.has("the model has no output output_2\nname one of its outputs: output_0, output_1\n")
    blobs.write("blobs.budget.yaml", text)
    code = "import blobs\ndef test():\n    x, y = blobs.test()\n    return x, {'output_0': y}\n"
    blobs.write("two.py", code)
    text = (blobs.root / "blobs.budget.yaml").read_text().replace("blobs:test", "two:test")
    blobs.write("blobs.budget.yaml", text)
    result = blobs.pytest("-v", "-k", "float32 and min_accuracy")
    assert outcomes(result.output) == {"blobs.budget.yaml::float32::min_accuracy": "PASSED"}

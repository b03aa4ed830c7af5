"""Accuracy limits as their user sees them: judged, explained, or said to be unmeasured."""

import json
from xml.etree import ElementTree

from tests.conftest import Project, outcomes

CONFIDENCE = """
version: 1
model: blobs.tflite
data: {test: blobs:test, calibration: blobs:calibration}
recipe: int4
variants:
  point:
    budget: {max_accuracy_drop: 0.5 pp}
  sure:
    confidence: 0.95
    budget: {min_accuracy: 0.95, max_accuracy_drop: 0.5 pp, max_relative_accuracy_drop: 1.5%}
  number:
    confidence: 0.95
    baseline: {accuracy: 0.97}
    budget: {min_accuracy: 0.93, max_accuracy_drop: 3.5 pp}
  f1:
    metric: f1
    confidence: 0.9
    budget: {max_accuracy_drop: 2 pp}
"""


def items(**limits: str) -> dict[str, str]:
    return {
        f"blobs.budget.yaml::{name.replace('__', '::')}": found for name, found in limits.items()
    }


READ = """
import blobs
from pathlib import Path

def test():
    Path("read").open("a").write(".")
    return blobs.test()
"""


def test_confidence_judges_the_interval_and_not_the_point_value(blobs: Project) -> None:
    blobs.write("data.py", READ)
    blobs.write("blobs.budget.yaml", CONFIDENCE.replace("blobs:test", "data:test"))
    result = blobs.pytest("-v", "--junitxml=junit.xml")
    assert result.exitcode == 1
    assert outcomes(result.output) == items(
        point__max_accuracy_drop="PASSED",
        sure__min_accuracy="FAILED",
        sure__max_accuracy_drop="FAILED",
        sure__max_relative_accuracy_drop="PASSED",
        number__min_accuracy="PASSED",
        number__max_accuracy_drop="PASSED",
        f1__max_accuracy_drop="PASSED",
    )
    note = (
        "test set too small: with 400 samples, drops under 1.05 pp cannot be told from zero "
        "(limit: 0.5 pp)"
    )
    result.has(
        "min_accuracy: 0.9391 is 0.01094 below the minimum of 0.95",
        "low end of 0.9625 accuracy over 400 samples; 95 % interval 0.9391\u20130.9771 (Wilson)",
        "max_accuracy_drop: 1.40 pp is 0.902 pp over the limit of 0.5 pp",
        "high end of drop 0.250 pp, 95 % interval -0.704 to 1.40 pp (paired, Tango); "
        "accuracy 0.9625 over 400 samples; samples lost 1, gained 0 (p 0.5); "
        "class 1 lost most: 0.936 to 0.927",
        f"note {note}",
        "= model budgets =",
        "point",
        f"data:test: {note}",
    )
    assert result.output.count("EXCEEDED") == 2
    cases = ElementTree.parse(blobs.root / "junit.xml").iter("testcase")
    notes = [p.get("value") for c in cases for p in c.iter("property") if p.get("name") == "note"]
    assert notes.count(note) == 2
    records = [
        json.loads(file.read_text())
        for file in (blobs.root / ".modelbudget" / "entries").glob("*/*/*/result.json")
    ]
    paired = [record for record in records if record.get("flips")]
    assert [len(each["flips"]["lost_samples"]) for each in paired] == [1]
    assert [each["label"] for each in paired[0]["classes"]] == [0, 1, 2, 3]

    # Twice for accuracy and twice for f1: the model and its baseline, each metric by itself.
    assert (blobs.root / "read").read_text() == "...."
    again = blobs.pytest()
    assert again.output.count("EXCEEDED") == 2
    assert (blobs.root / "read").read_text() == "....", "nothing is evaluated or compared again"


SHUFFLED = """
import blobs, numpy as np
def test():
    x, y = blobs.test()
    rows = np.random.default_rng().permutation(len(x))
    return x[rows], y[rows]
"""


def test_samples_that_come_shuffled_are_not_paired(built: Project) -> None:
    built.write("data.py", SHUFFLED)
    built.write("blobs.budget.yaml", CONFIDENCE.replace("blobs:test", "data:test"))
    result = built.pytest("-v", "-k", "point or sure", "--junitxml=junit.xml")
    assert outcomes(result.output) == items(
        point__max_accuracy_drop="PASSED",
        sure__min_accuracy="FAILED",
        sure__max_accuracy_drop="FAILED",
        sure__max_relative_accuracy_drop="FAILED",
    )
    why = "data.test returned other samples, or another order, for the baseline than for the model"
    result.has(
        "max_accuracy_drop could not be measured: `confidence` needs an interval: " + why,
        "max_relative_accuracy_drop could not be measured: `confidence` needs an interval: " + why,
    )
    assert f"drop 0.250 pp, no interval: {why}" in (built.root / "junit.xml").read_text()


BAD = """
version: 1
model: blobs.tflite
data: {test: data:test, calibration: blobs:calibration}
recipe: int8
budget: {max_accuracy_drop: 1 pp}
variants:
  one_sample: {data: {test: "data:one_sample"}}
  one_sample_f1: {data: {test: "data:one_sample"}, metric: f1, confidence: 0.95}
  one_class: {data: {test: "data:one_class"}}
  nan: {metric: "data:nan"}
  raises: {metric: "data:raises"}
  sometimes: {metric: "data:sometimes", confidence: 0.95}
  undefined: {metric: "data:zero", budget: {max_relative_accuracy_drop: 1%}}
  own: {metric: "data:own", confidence: 0.95, budget: {max_accuracy_drop: 2 pp}}
"""
DATA = """
import blobs
from blobs import test

def one_sample():
    x, y = test()
    return x[:1], y[:1]

def one_class():
    x, y = test()
    return x[y == 2], y[y == 2]

def nan(y_true, y_pred):
    return float("nan")

def raises(y_true, y_pred):
    raise KeyError("class 9")

def sometimes(y_true, y_pred):
    if len(set(map(bytes, y_pred))) < 300:
        raise ValueError("samples repeat")
    return 0.5

def zero(y_true, y_pred):
    return 0.0

def own(y_true, y_pred):
    return (y_true == y_pred.argmax(1)).mean()
"""


def test_what_cannot_be_compared_is_told_and_nobody_else_suffers(built: Project) -> None:
    built.write("data.py", DATA)
    built.write("blobs.budget.yaml", BAD)
    result = built.pytest("-v")
    assert outcomes(result.output) == items(
        one_sample__max_accuracy_drop="PASSED",
        one_sample_f1__max_accuracy_drop="FAILED",
        one_class__max_accuracy_drop="PASSED",
        nan__max_accuracy_drop="FAILED",
        raises__max_accuracy_drop="FAILED",
        sometimes__max_accuracy_drop="FAILED",
        undefined__max_accuracy_drop="PASSED",
        undefined__max_relative_accuracy_drop="FAILED",
        own__max_accuracy_drop="PASSED",
    )
    result.has(
        "`confidence` needs an interval: the test data has only one sample",
        "data:nan is nan, not a finite number",
        "data:raises raised KeyError: 'class 9' (data.py:16)",
        "`confidence` needs an interval: the metric failed on 51 of the first 51 resamples: "
        "data:sometimes raised ValueError: samples repeat",
        "the baseline's data:zero is 0, so a drop cannot be a share of it",
        "one_sample",
        "test set too small: with 1 sample, drops under 79",
    )

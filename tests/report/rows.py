"""Rows that the tests of several reports share."""

from dataclasses import replace
from pathlib import Path

from pytest_modelbudget.judge.findings import Artifact
from pytest_modelbudget.judge.verdict import Verdict
from pytest_modelbudget.report.row import Row, Status

FLOAT32 = Row(
    budget="digits.budget.yaml",
    variant="float32",
    name="max_bytes",
    place="digits.budget.yaml:8:14",
    outcome="within",
    unit="bytes",
    written_unit="B",
    measured=6300,
    limit=6400,
    margin=100,
    how="the .tflite as it is",
    artifact="model.tflite",
    built="cached",
    seconds=1.234,
)
INT8 = replace(FLOAT32, variant="int8", built="built", seconds=0.01)
DROP = replace(
    INT8,
    name="max_accuracy_drop",
    outcome="exceeded",
    unit="score",
    written_unit="pp",
    measured=0.0075,
    limit=0.005,
    margin=-0.0025,
)
NOT_BUILT = Row(
    budget="kws.budget.yaml", name="max_gzip_bytes", place="kws.budget.yaml:4:3", outcome="error"
)
UNMEASURED = replace(INT8, name="min_accuracy", measured=None, limit=None, margin=None)

PLANNED = Row(
    budget="budgets/digits.budget.yaml",
    variant="int8",
    name="max_accuracy_drop",
    place="budgets/digits.budget.yaml:14:21",
)
ARTIFACT = Artifact(Path("store/model.tflite"), "ab", 3776, 900, seconds=0.5, cached=False)
DROPPED = Verdict(
    limit="max_accuracy_drop",
    outcome="exceeded",
    base_unit="score",
    unit="pp",
    measured=0.0075,
    bound=0.005,
    margin=-0.0025,
    how="accuracy 0.9725 over 1,797 samples",
    baseline="accuracy 0.9800",
)
EXCEEDED = PLANNED.of_artifact(ARTIFACT).judged(DROPPED, "digits:test")


def sized(measured: int, limit: int) -> Row:
    outcome: Status = "within" if measured <= limit else "exceeded"
    return replace(
        EXCEEDED,
        name="max_bytes",
        outcome=outcome,
        unit="bytes",
        written_unit="kB",
        measured=measured,
        limit=limit,
        margin=limit - measured,
        how="the .tflite as it is",
        baseline="",
    )

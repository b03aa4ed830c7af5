"""Rows that the tests of several reports share."""

from dataclasses import replace

from pytest_modelbudget.report.row import Row

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

import json
import math
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from pytest_modelbudget.report.record import CollectedVariant, Record
from pytest_modelbudget.report.report_document import document, report_schema
from pytest_modelbudget.report.row import Row
from tests.report.rows import ARTIFACT, EXCEEDED, PLANNED, sized

INT8 = CollectedVariant(
    "budgets/digits.budget.yaml",
    "int8",
    "/budgets/digits.budget.yaml",
    ("max_bytes", "max_accuracy_drop", "max_latency"),
)
FLOAT = CollectedVariant("budgets/digits.budget.yaml", "float", limits=("max_bytes",))


def written(*rows: Row, collected: tuple[CollectedVariant, ...] = (INT8, FLOAT)) -> str:
    return document(Record(rows, collected)).model_dump_json()


def test_the_document_has_all_results_and_fits_its_schema() -> None:
    text = written(sized(43704, 43000), EXCEEDED, replace(PLANNED, variant="float").not_built("x"))
    found = json.loads(text)
    Draft202012Validator(report_schema()).validate(found)
    int8, floats = found["variants"]
    assert found["version"] == 1
    assert not found["is_complete"]
    assert int8["outcome"] == "exceeded"
    assert int8["artifact_sha256"] == ARTIFACT.sha256
    assert int8["is_cached"] is False
    assert int8["limits_not_run"] == ["max_latency"]
    size, drop = int8["limits"]
    assert (size["measured"], size["limit"], size["margin"], size["unit"]) == (
        43704,
        43000,
        -704,
        "bytes",
    )
    assert size["message"].startswith("max_bytes: 43.7 kB is 0.704 kB (1.6 %) over the limit")
    assert '"measured":43704,' in text  # whole bytes, not 43704.0
    assert drop["baseline"] == "accuracy 0.9800"
    assert (drop["measured_low"], drop["measured_high"]) == (None, None)
    assert floats["outcome"] == "error"
    assert floats["is_cached"] is None
    assert floats["limits"][0]["message"].startswith("max_accuracy_drop: not built: x\n")


def test_a_session_is_complete_if_every_collected_limit_ran() -> None:
    one = replace(INT8, limits=("max_bytes",))
    assert json.loads(written(sized(1, 2), collected=(one,)))["is_complete"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_never_written(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        written(replace(sized(1, 2), measured=value))


def test_the_schema_lets_a_later_version_add_fields() -> None:
    assert "additionalProperties" not in json.dumps(report_schema())


VERSION_1 = {
    "ReportDocument": "version pytest_modelbudget created is_complete is_judged mistakes variants",
    "ReportedVariant": (
        "budget variant outcome artifact artifact_sha256 is_cached build_s layers_skipped "
        "quantized unrecorded limits limits_not_run details"
    ),
    "ReportedLimit": (
        "name outcome place unit written_unit measured measured_low measured_high limit margin "
        "baseline how message figure figure_unit figure_value accepted anchor "
        "environment_changes notes"
    ),
    "VariantDetails": (
        "recipe metric higher_is_better stages latency contents tools files "
        "variables packages omitted"
    ),
    "StageEffect": "name size_bytes gzip_bytes score",
    "LatencyDistribution": ("percentiles_s counted invocations threads delegate cpu governor"),
}


@pytest.mark.parametrize("name", VERSION_1)
def test_no_field_goes_without_a_new_version(name: str) -> None:
    """Programs of other people read the document. Fields may be added."""
    schema = report_schema()
    assert schema["properties"]["version"]["const"] == 1
    described = schema if name == "ReportDocument" else schema["$defs"][name]
    assert set(VERSION_1[name].split()) <= set(described["properties"])
    assert set(VERSION_1[name].split()) <= set(described["required"])

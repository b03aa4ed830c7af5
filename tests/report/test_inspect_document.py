import json

import pytest

from pytest_modelbudget.report.inspect_document import inspect_schema

VERSION_1 = {
    "ContentsDocument": "version file form size_bytes gzip_bytes tensors others",
    "ContentsDiffDocument": ("version form old new growth_bytes gzip_growth_bytes tensors others"),
    "InspectedFile": "file size_bytes gzip_bytes",
    "StoredPart": "name size_bytes gzip_bytes",
    "StoredTensor": (
        "name size_bytes gzip_bytes layer operator dtype shape sparsity unique scales"
    ),
    "Change": "old new growth_bytes gzip_growth_bytes",
    "TensorChange": "old new growth_bytes gzip_growth_bytes",
}


@pytest.mark.parametrize("name", VERSION_1)
def test_no_field_goes_without_a_new_version(name: str) -> None:
    """Programs of other people read both documents. Fields may be added."""
    described = inspect_schema()["$defs"][name]
    assert set(VERSION_1[name].split()) <= set(described["properties"])
    assert set(VERSION_1[name].split()) <= set(described["required"])
    assert described["properties"].get("version", {"const": 1})["const"] == 1


def test_the_schema_lets_a_later_version_add_fields() -> None:
    assert "additionalProperties" not in json.dumps(inspect_schema())

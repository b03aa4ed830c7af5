"""The JSON Schema of a document that programs of other people read."""

from typing import Any

from pydantic import TypeAdapter


def published_schema(document: Any) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a document, or of a union of documents.

    It lets a later version add fields, so programs must accept fields that they do not know.
    """
    schema = TypeAdapter(document).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_open(schema)}


def _open(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_open(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _open(each) for key, each in schema.items() if key != "additionalProperties"}

"""Quantities as pydantic types: how each is read, and what its JSON Schema is."""

from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue

from pytest_modelbudget.units import parse
from pytest_modelbudget.units.table import Quantity


def _text(unit: str) -> JsonSchemaValue:
    return {"type": "string", "pattern": rf"^\d[\d,]*(\.\d+)? *{unit}$"}


def _any_of(*schemas: JsonSchemaValue) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": list(schemas)})


_WHOLE = {"type": "integer", "minimum": 1}
_NOT_NEGATIVE = {"type": "number", "minimum": 0}
_SIZE = _text("([kMG]B|[KMG]iB|B)")
_DURATION = _text("([u\u00b5\u03bcm]s|s|min|h)")

Size = Annotated[Quantity, PlainValidator(parse.parse_size), _any_of(_WHOLE, _SIZE)]
Duration = Annotated[Quantity, PlainValidator(parse.parse_duration), WithJsonSchema(_DURATION)]
Drop = Annotated[Quantity, PlainValidator(parse.parse_drop), _any_of(_NOT_NEGATIVE, _text("pp"))]
Share = Annotated[Quantity, PlainValidator(parse.parse_share), WithJsonSchema(_text("%"))]
Count = Annotated[Quantity, PlainValidator(parse.parse_count), _any_of(_WHOLE, _text("[kMGT]"))]

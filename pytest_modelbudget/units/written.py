"""Quantities as pydantic types: how each is read, and what its JSON Schema is."""

from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue

from pytest_modelbudget.budgetfile.types import Growth
from pytest_modelbudget.units import parse


def _text(unit: str) -> JsonSchemaValue:
    return {"type": "string", "pattern": rf"^\d[\d,]*(\.\d+)? *{unit}$"}


def _any_of(*schemas: JsonSchemaValue) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": list(schemas)})


_WHOLE = {"type": "integer", "minimum": 1}
_NOT_NEGATIVE = {"type": "number", "minimum": 0}
_SIZE = _text("([kMG]B|[KMG]iB|B)")
_DURATION = _text("([u\u00b5\u03bcm]s|s|min|h)")
_SHARE = _text("%")
_POINTS = _text("pp")

Size = Annotated[int, PlainValidator(parse.parse_size), _any_of(_WHOLE, _SIZE)]
Duration = Annotated[float, PlainValidator(parse.parse_duration), WithJsonSchema(_DURATION)]
Drop = Annotated[float, PlainValidator(parse.parse_drop), _any_of(_NOT_NEGATIVE, _POINTS)]
Share = Annotated[float, PlainValidator(parse.parse_share), WithJsonSchema(_SHARE)]
Count = Annotated[int, PlainValidator(parse.parse_count), _any_of(_WHOLE, _text("[kMGT]"))]
SizeGrowth = Annotated[
    Growth,
    PlainValidator(parse.parse_size_growth),
    _any_of({"type": "integer", "minimum": 0}, _SIZE, _SHARE),
]
DurationGrowth = Annotated[
    Growth, PlainValidator(parse.parse_duration_growth), _any_of(_DURATION, _SHARE)
]
Loss = Annotated[Growth, PlainValidator(parse.parse_loss), _any_of(_NOT_NEGATIVE, _POINTS)]

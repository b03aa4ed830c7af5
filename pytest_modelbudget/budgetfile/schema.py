"""The JSON Schema of a budget file, made of the types that read it."""

from typing import Any

from pydantic import TypeAdapter

from pytest_modelbudget.budgetfile.call_names import CALL
from pytest_modelbudget.budgetfile.presets import PRESETS
from pytest_modelbudget.budgetfile.settings import SECTIONS, SETTINGS
from pytest_modelbudget.budgetfile.stages import STAGES
from pytest_modelbudget.judge.limits import LIMITS

Schema = dict[str, Any]


def schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a budget file."""
    definitions: Schema = {}
    settings = _settings(definitions)
    variant = _mapping(settings)
    variants = {
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z0-9_.-]+$"},
        "additionalProperties": {"anyOf": [{"$ref": "#/$defs/Variant"}, {"type": "null"}]},
        "minProperties": 1,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A model budget of pytest-modelbudget",
        **_mapping({"version": {"const": 1}, **settings, "variants": variants}),
        "required": ["version"],
        "$defs": {**definitions, "Variant": variant},
    }


def _settings(definitions: Schema) -> Schema:
    """Return every key that a variant may have; what they refer to goes into ``definitions``."""
    keys: Schema = {"recipe": _recipe(definitions)}
    for (key, *name), adapter in SETTINGS.items():
        written = _of(adapter, definitions)
        if key in SECTIONS:
            section = keys.setdefault(key, _mapping({}))
            section["properties"][name[0]] = written
            if key == "budget":
                written["description"] = LIMITS[name[0]].description
        else:
            keys[key] = written
    return keys


def _recipe(definitions: Schema) -> Schema:
    stages = [_stage(name, TypeAdapter(kind), definitions) for name, kind in STAGES.items()]
    call = f"^{CALL.pattern}$"
    own = {
        "type": "object",
        "patternProperties": {call: {"type": ["object", "null"]}},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    alone = {"anyOf": [{"enum": list(STAGES)}, {"type": "string", "pattern": call}]}
    entries = {"type": "array", "items": {"anyOf": [*stages, own, alone]}}
    return {"anyOf": [{"enum": list(PRESETS)}, entries]}


def _stage(name: str, adapter: TypeAdapter[Any], definitions: Schema) -> Schema:
    parameters = _of(adapter, definitions)
    parameters["properties"].pop("kind")
    return {
        **_mapping({name: {"anyOf": [parameters, {"type": "null"}]}}),
        "required": [name],
    }


def _of(adapter: TypeAdapter[Any], definitions: Schema) -> Schema:
    written = adapter.json_schema(ref_template="#/$defs/{model}")
    definitions.update(written.pop("$defs", {}))
    return written


def _mapping(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}

"""The names of modules and callables in a budget file."""

import re
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from pytest_modelbudget.units.invalid import expected

_DOTTED = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
CALL = re.compile(rf"{_DOTTED}:{_DOTTED}", re.ASCII)
MODULE = re.compile(_DOTTED, re.ASCII)


def parse_call(value: object) -> str:
    """Return ``value`` if it is written as ``package.module:callable``.

    Raises:
        InvalidValueError: If it is not.
    """
    if isinstance(value, str) and CALL.fullmatch(value):
        return value
    raise expected("package.module:callable", value, colon_hint(value))


def parse_module(value: object) -> str:
    """Return the dotted name of a module.

    Raises:
        InvalidValueError: If it is not written as ``package.module``.
    """
    if isinstance(value, str) and MODULE.fullmatch(value):
        return value
    raise expected("a module such as package.module", value)


def colon_hint(value: object) -> str:
    """Return what to write where a callable is given with a dot instead of a colon."""
    if isinstance(value, str) and "." in value and MODULE.fullmatch(value):
        module, _, name = value.rpartition(".")
        return f"write {module}:{name}"
    return ""


def _matching(pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern.pattern}$"})


CallName = Annotated[str, PlainValidator(parse_call), _matching(CALL)]
ModuleName = Annotated[str, PlainValidator(parse_module), _matching(MODULE)]

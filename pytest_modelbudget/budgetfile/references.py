"""Where models and data come from, as written: a callable, a mapping with arguments, a path."""

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    JsonValue,
    PlainValidator,
    Tag,
    WithJsonSchema,
)

from pytest_modelbudget.budgetfile.call_names import CALL, CallName, colon_hint
from pytest_modelbudget.budgetfile.types import CallSource, FileSource, Source
from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.units.invalid import InvalidValueError, expected, shown

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
MODEL_SUFFIXES = (*KERAS_SUFFIXES, ".tflite", "")
T = TypeVar("T")


def absolute(source: T, directory: Path) -> T | FileSource:
    """Return ``source``, its path taken as relative to ``directory`` if it has one."""
    if isinstance(source, FileSource):
        return FileSource(path=Path(os.path.abspath(directory / source.path)))
    return source


def _reader(what: str, suffixes: tuple[str, ...]) -> Callable[[object], Source]:
    """Return a parser of a callable or a path that ends in one of ``suffixes``."""
    paths = f"a path ending in {', '.join(filter(None, suffixes))}"

    def read(value: object) -> Source:
        form = f"package.module:callable or {paths}"
        if not isinstance(value, str) or not value.strip():
            raise expected(form, value)
        if CALL.fullmatch(value):
            return CallSource(call=value)
        suffix = PurePosixPath(value).suffix
        is_folder = "" in suffixes and (value.endswith("/") or not suffix)
        if "\0" in value or ":" in value or not (suffix.lower() in suffixes or is_folder):
            dotted = colon_hint(value)
            hint = f"{dotted} or {paths}" if dotted else f"write {form}"
            raise InvalidValueError(f"{shown(value)} is not a {what}", hint)
        return FileSource(path=Path(value))

    return read


def form(value: object) -> str:
    """Discriminate what is written as a mapping from what is written as text."""
    return "a mapping" if isinstance(value, dict) else "a text"


class _WrittenCall(Frozen):
    call: CallName
    args: dict[str, JsonValue] = Field(default_factory=dict)


def _resolved(value: Source | _WrittenCall) -> Source:
    if isinstance(value, _WrittenCall):
        return CallSource(call=value.call, args=value.args)
    return value


parse_model = _reader("model", MODEL_SUFFIXES)
parse_data = _reader("data set", (".npz",))

_PATH = WithJsonSchema({"type": "string"})
ModelPath = Annotated[Source, PlainValidator(parse_model), _PATH]
DataPath = Annotated[Source, PlainValidator(parse_data), _PATH]

ModelSource = Annotated[
    Annotated[ModelPath, Tag("a text")] | Annotated[_WrittenCall, Tag("a mapping")],
    Discriminator(form),
    AfterValidator(_resolved),
]
DataSource = Annotated[
    Annotated[DataPath, Tag("a text")] | Annotated[_WrittenCall, Tag("a mapping")],
    Discriminator(form),
    AfterValidator(_resolved),
]

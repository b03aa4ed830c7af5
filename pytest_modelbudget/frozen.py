"""The base of every type that is read from a file or handed to a worker."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Strict

T = TypeVar("T")

Sequence = Annotated[tuple[T, ...], Strict(False)]
"""A tuple that a YAML or JSON list may fill; its members stay strict."""


class Frozen(BaseModel):
    """An immutable value: unknown keys are refused, and ``true`` is not a number."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        protected_namespaces=(),
        json_schema_serialization_defaults_required=True,  # a field with a default is written too
    )

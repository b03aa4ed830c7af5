"""The stage ``prune``."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from pytest_modelbudget.budgetfile.call_names import CALL
from pytest_modelbudget.budgetfile.stages.stage import Fraction, LayerStage, ParameterProblem
from pytest_modelbudget.budgetfile.types import CallSource, Positive, Source
from pytest_modelbudget.frozen import Sequence
from pytest_modelbudget.units.invalid import expected

SCHEDULES = ("polynomial", "constant")


def parse_schedule(value: object) -> str:
    """Return the name of a sparsity schedule, or the callable that is one.

    Raises:
        InvalidValueError: If it is neither.
    """
    if isinstance(value, str) and (value in SCHEDULES or CALL.fullmatch(value)):
        return value
    raise expected(f"{', '.join(SCHEDULES)} or package.module:callable", value)


def parse_pattern(value: object) -> str:
    """Return ``m:n``: m zeros in every n weights.

    Raises:
        InvalidValueError: If it is not two whole numbers with 0 < m < n.
    """
    match = re.fullmatch(r"(\d{1,3}):(\d{1,3})", value) if isinstance(value, str) else None
    if match is None or not 0 < int(match[1]) < int(match[2]):
        raise expected("a pattern m:n with 0 < m < n, such as 2:4", value)
    return match[0]


Schedule = Annotated[str, PlainValidator(parse_schedule), WithJsonSchema({"type": "string"})]
Pattern = Annotated[
    str, PlainValidator(parse_pattern), WithJsonSchema({"type": "string", "pattern": r"^\d+:\d+$"})
]


class Prune(LayerStage):
    """Magnitude pruning with fine-tuning (Zhu and Gupta 2017, arXiv:1710.01878)."""

    trains = True
    needs_keras = True
    loses = frozenset({"cluster", "quantize_aware"})
    size_unchanged = ("pruning", "zeros")
    gentler = "less `sparsity`, more `epochs`, or `layers: {skip: [...]}`"

    kind: Literal["prune"] = "prune"
    sparsity: Fraction = 0.8
    initial_sparsity: Fraction = 0.0
    schedule: Schedule = "polynomial"
    epochs: Positive = 8
    begin: Annotated[float, Field(ge=0, le=1)] = 0.0
    end: Annotated[float, Field(ge=0, le=1)] = 0.75
    frequency: Positive | None = None
    block: Annotated[Sequence[Positive], Field(min_length=2, max_length=2)] | None = None
    pattern: Pattern | None = None

    def problems(self) -> Iterator[ParameterProblem]:
        """Yield parameters that exclude each other."""
        yield from super().problems()
        if self.block is not None and self.pattern is not None:
            what = "block and pattern exclude each other"
            yield ParameterProblem("pattern", what, "keep one of them")
        if self.end <= self.begin:
            key = "end" if "end" in self.model_fields_set else "begin"
            what = f"pruning begins at {self.begin:g} and ends at {self.end:g}"
            hint = "write an end above begin; both are shares of the training"
            yield ParameterProblem(key, what, hint)
        if self.initial_sparsity > self.sparsity:
            what = f"{self.initial_sparsity:g} is above the final sparsity {self.sparsity:g}"
            yield ParameterProblem("initial_sparsity", what, "write less than sparsity")

    def own_sources(self) -> tuple[Source, ...]:
        """Return the user's own schedule, if there is one."""
        return (CallSource(call=self.schedule),) if ":" in self.schedule else ()

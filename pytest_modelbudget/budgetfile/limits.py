"""Every limit that ``budget:`` takes: its unit, its direction, and how it is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, Strict, WithJsonSchema

from pytest_modelbudget.budgetfile.operator_names import OperatorName
from pytest_modelbudget.frozen import Sequence
from pytest_modelbudget.units.invalid import expected
from pytest_modelbudget.units.written import (
    Count,
    Drop,
    Duration,
    DurationGrowth,
    Loss,
    Share,
    Size,
    SizeGrowth,
)

Unit = Literal["bytes", "seconds", "score", "share", "count", "ratio", "flag", "operators"]

Score = Annotated[float, Strict(), Field(ge=-1e9, le=1e9)]
Sparsity = Annotated[float, Strict(), Field(gt=0, le=1)]
Ratio = Annotated[float, Strict(), Field(gt=0, le=1e6)]
Operators = Annotated[Sequence[OperatorName], Field(min_length=1)]


def _true(value: object) -> bool:
    if value is not True:
        raise expected("true", value, "leave integer_only out where it is not wanted")
    return True


Flag = Annotated[bool, PlainValidator(_true), WithJsonSchema({"const": True})]


@dataclass(frozen=True)
class LimitKind:
    """What one limit means.

    Attributes:
        unit: Of ``Limit.bound`` and of what is measured. A ``Growth`` has this unit, or is
            a share of the value in the ledger.
        type_: The pydantic type that reads the bound as it is written.
        lower_is_better: Whether the bound is a maximum.
        needs_test_data: Whether it is judged on ``data.test``.
        description: One line for the schema.
    """

    unit: Unit
    type_: Any
    description: str
    lower_is_better: bool = True
    needs_test_data: bool = False


def _scored(unit: Unit, type_: Any, description: str, lower_is_better: bool = True) -> LimitKind:
    return LimitKind(unit, type_, description, lower_is_better, needs_test_data=True)


LIMITS: Mapping[str, LimitKind] = MappingProxyType(
    {
        "max_bytes": LimitKind("bytes", Size, "the .tflite as it is"),
        "max_gzip_bytes": LimitKind("bytes", Size, "the .tflite deflated at level 9"),
        "max_accuracy_drop": _scored("score", Drop, "change for the worse against the baseline"),
        "max_relative_accuracy_drop": _scored("share", Share, "the drop as a share"),
        "min_accuracy": _scored("score", Score, "the metric itself", lower_is_better=False),
        "max_latency": LimitKind("seconds", Duration, "median of one invocation"),
        "max_latency_p90": LimitKind("seconds", Duration, "90th percentile of one invocation"),
        "max_latency_p99": LimitKind("seconds", Duration, "99th percentile of one invocation"),
        "max_latency_ratio": LimitKind("ratio", Ratio, "latency against the float baseline"),
        "max_memory": LimitKind("bytes", Size, "the tensor arena of one inference"),
        "max_macs": LimitKind("count", Count, "multiply-accumulates of one inference"),
        "min_sparsity": LimitKind(
            "share", Sparsity, "zeros among the weights of the .tflite", lower_is_better=False
        ),
        "max_unique_weights": LimitKind("count", Count, "different values in a weight tensor"),
        "integer_only": LimitKind("flag", Flag, "no float operator"),
        "allowed_ops": LimitKind("operators", Operators, "no other operator"),
        "max_bytes_growth": LimitKind("bytes", SizeGrowth, "against the ledger"),
        "max_gzip_bytes_growth": LimitKind("bytes", SizeGrowth, "against the ledger"),
        "max_accuracy_loss": _scored("score", Loss, "against the ledger"),
        "max_latency_growth": LimitKind("seconds", DurationGrowth, "against the ledger"),
    }
)

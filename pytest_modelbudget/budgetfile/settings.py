"""Every key of a budget file except ``recipe`` and ``variants``, and the type that reads it.

A key inside ``data``, ``training``, ``latency`` or ``budget`` is a setting of its own, so
that a variant inherits and overrides each alone.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PlainValidator,
    Strict,
    Tag,
    TypeAdapter,
    WithJsonSchema,
)

from pytest_modelbudget.budgetfile.budget import FixedBaseline
from pytest_modelbudget.budgetfile.call_names import CALL, CallName, ModuleName
from pytest_modelbudget.budgetfile.references import (
    DataSource,
    ModelSource,
    form,
)
from pytest_modelbudget.budgetfile.targets import TARGETS
from pytest_modelbudget.budgetfile.types import (
    CommandTarget,
    FileSource,
    Metric,
    Positive,
    PositiveFloat,
)
from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.judge.limits import LIMITS
from pytest_modelbudget.judge.limits.accuracy_limits import ScoreBound
from pytest_modelbudget.units.invalid import did_you_mean, expected
from pytest_modelbudget.units.written import Duration

METRICS = ("accuracy", "top_k_accuracy", "auc", "f1", "mae", "mse")
LOWER_IS_BETTER = ("mae", "mse")


def _metric_of_name(value: object) -> Metric:
    if isinstance(value, str) and value in METRICS:
        # The name is one of the literals that Metric takes: METRICS lists them.
        return Metric.model_validate(
            {"name": value, "higher_is_better": value not in LOWER_IS_BETTER}
        )
    if isinstance(value, str) and CALL.fullmatch(value):
        return Metric(name="call", call=value)
    hint = did_you_mean(value, METRICS) if isinstance(value, str) else ""
    raise expected("a metric or package.module:callable", value, hint)


Text = Annotated[str, Strict(), Field(min_length=1)]


class OfOutput(Frozen):
    """Which output of the model a metric reads."""

    output: Text


class TopK(Frozen):
    """How many of the best guesses count, and which output of the model has them."""

    k: Positive
    output: Text | None = None


class MetricMapping(Frozen):
    """A metric with its parameters, or one of the user's own with its direction."""

    accuracy: OfOutput | None = None
    top_k_accuracy: TopK | None = None
    auc: OfOutput | None = None
    f1: OfOutput | None = None
    mae: OfOutput | None = None
    mse: OfOutput | None = None
    call: CallName | None = None
    higher_is_better: bool = True
    output: Text | None = None
    outputs: Annotated[Sequence[Text], Field(min_length=2)] | None = None


def _metric(value: Metric | MetricMapping) -> Metric:
    if isinstance(value, Metric):
        return value
    written = value.model_dump(exclude_none=True)
    names = [name for name in METRICS if name in written]
    if value.call is not None and not names and not (value.output and value.outputs):
        return Metric.model_validate({"name": "call", **written})
    if len(names) == 1 and value.model_fields_set == set(names):
        return _metric_of_name(names[0]).model_copy(update=written[names[0]])
    hint = "write {top_k_accuracy: {k: 3}}, {accuracy: {output: name}} or {call: ...}"
    raise expected("a metric", value.model_dump(), hint)


class FixedScore(Frozen):
    """A baseline that was measured elsewhere."""

    accuracy: ScoreBound


def _tflite(value: object) -> FileSource:
    if isinstance(value, str) and value.lower().endswith(".tflite"):
        return FileSource(path=Path(value))
    raise expected("a path ending in .tflite, or {accuracy: 0.982}", value)


def _baseline(value: FileSource | FixedScore) -> FileSource | FixedBaseline:
    return FixedBaseline(value.accuracy) if isinstance(value, FixedScore) else value


def _target(value: object) -> str:
    if isinstance(value, str) and (value in TARGETS or CALL.fullmatch(value)):
        return value
    hint = did_you_mean(value, TARGETS) if isinstance(value, str) else ""
    raise expected("a target, package.module:callable or {command: [...]}", value, hint)


class CommandMapping(Frozen):
    """The program and its arguments."""

    command: Annotated[Sequence[str], Field(min_length=1)]


def _command(value: str | CommandMapping) -> str | CommandTarget:
    if isinstance(value, str):
        return value
    if not any("{model}" in part for part in value.command):
        command = " ".join(value.command)
        raise expected("{model} in one of the arguments", command, "write it where the path goes")
    return CommandTarget(command=value.command)


_TEXT = WithJsonSchema({"type": "string"})
_TFLITE = WithJsonSchema({"type": "string", "pattern": r"\.tflite$"})
_TARGET = WithJsonSchema(
    {"anyOf": [{"enum": list(TARGETS)}, {"type": "string", "pattern": f"^{CALL.pattern}$"}]}
)

MetricSetting = Annotated[
    Annotated[Metric, PlainValidator(_metric_of_name), _TEXT, Tag("a text")]
    | Annotated[MetricMapping, Tag("a mapping")],
    Discriminator(form),
    AfterValidator(_metric),
]
BaselineSetting = Annotated[
    Annotated[FileSource, PlainValidator(_tflite), _TFLITE, Tag("a text")]
    | Annotated[FixedScore, Tag("a mapping")],
    Discriminator(form),
    AfterValidator(_baseline),
]
TargetSetting = Annotated[
    Annotated[str, PlainValidator(_target), _TARGET, Tag("a text")]
    | Annotated[CommandMapping, Tag("a mapping")],
    Discriminator(form),
    AfterValidator(_command),
]

_TYPES: dict[tuple[str, ...], Any] = {
    ("model",): ModelSource,
    ("data", "train"): DataSource,
    ("data", "test"): DataSource,
    ("data", "calibration"): DataSource,
    ("metric",): MetricSetting,
    ("training", "loss"): Text,
    ("training", "optimizer"): Text,
    ("training", "learning_rate"): PositiveFloat,
    ("training", "batch_size"): Positive,
    **{("budget", name): kind.written for name, kind in LIMITS.items()},
    ("baseline",): BaselineSetting,
    ("latency", "target"): TargetSetting,
    ("latency", "threads"): Positive,
    ("latency", "batch_size"): Positive,
    ("signature",): Text,
    ("seed",): Annotated[int, Strict(), Field(ge=0, lt=2**32)],
    ("trust_code",): Annotated[bool, Strict()],
    ("timeout",): Duration,
    ("confidence",): Annotated[float, Strict(), Field(gt=0.5, lt=1)],
    ("imports",): Sequence[ModuleName],
    ("depends_on",): Sequence[Text],
}

SETTINGS: Mapping[tuple[str, ...], TypeAdapter[Any]] = MappingProxyType(
    {key: TypeAdapter(type_) for key, type_ in _TYPES.items()}
)
SECTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        section: tuple(key[1] for key in _TYPES if key[0] == section and len(key) == 2)
        for section in ("data", "training", "latency", "budget")
    }
)
KEYS = (*dict.fromkeys(key[0] for key in _TYPES), "recipe")

"""What a recipe is made of: one type for each stage, with its parameters and defaults."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Discriminator, Field, JsonValue, PlainValidator, Strict, Tag, WithJsonSchema

from pytest_modelbudget.budgetfile.call_names import CALL
from pytest_modelbudget.frozen import Frozen, Sequence
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


Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Positive = Annotated[int, Strict(), Field(ge=1, le=10**9)]
PositiveFloat = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
Schedule = Annotated[str, PlainValidator(parse_schedule), WithJsonSchema({"type": "string"})]
Pattern = Annotated[
    str, PlainValidator(parse_pattern), WithJsonSchema({"type": "string", "pattern": r"^\d+:\d+$"})
]
Scheme = Literal["dynamic", "float16", "int8", "int16x8", "int4"]
SchemeOrFloat = Literal["float32", "dynamic", "float16", "int8", "int16x8", "int4"]


class LayerSelection(Frozen):
    """Layers chosen by name glob or layer class: only these, or all but these."""

    only: Sequence[Text] = ()
    skip: Sequence[Text] = ()


class Prune(Frozen):
    """Magnitude pruning with fine-tuning (Zhu and Gupta 2017, arXiv:1710.01878)."""

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
    layers: LayerSelection = LayerSelection()


class PruneChannels(Frozen):
    """Structured pruning: whole filters and units go, a smaller dense model is fine-tuned."""

    kind: Literal["prune_channels"] = "prune_channels"
    fraction: Fraction = 0.5
    criterion: Literal["l1", "l2", "batch_norm"] = "l1"
    epochs: Positive = 8
    layers: LayerSelection = LayerSelection()


class Distill(Frozen):
    """A student trained against the current model (Hinton et al. 2015, arXiv:1503.02531)."""

    kind: Literal["distill"] = "distill"
    student: str
    temperature: PositiveFloat = 4.0
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.1
    epochs: Positive = 80


class Cluster(Frozen):
    """Weight clustering; keeps the sparsity that an earlier stage made."""

    kind: Literal["cluster"] = "cluster"
    clusters: Annotated[int, Field(ge=2)] = 16
    init: Literal["linear", "random", "density", "kmeans++"] = "kmeans++"
    per_channel: bool = False
    epochs: Positive = 2
    layers: LayerSelection = LayerSelection()


class QuantizeAware(Frozen):
    """Quantization-aware training (Jacob et al. 2018, arXiv:1712.05877)."""

    kind: Literal["quantize_aware"] = "quantize_aware"
    epochs: Positive = 1
    learning_rate: PositiveFloat | None = None
    layers: LayerSelection = LayerSelection()


def _layers_form(value: object) -> str:
    if isinstance(value, LayerSelection):
        return "a selection"
    keys = value.keys() if isinstance(value, dict) else {"only"}
    return "a selection" if keys <= {"only", "skip"} else "schemes"


QuantizedLayers = Annotated[
    Annotated[LayerSelection, Tag("a selection")]
    | Annotated[dict[str, SchemeOrFloat], Tag("schemes")],
    Discriminator(_layers_form),
]


class Quantize(Frozen):
    """Post-training quantization of the float ``.tflite``.

    ``layers`` either selects (``only``, ``skip``: the rest stays float), or gives
    single layers a scheme of their own: ``{"dense*": int4, "softmax": float32}``.
    """

    kind: Literal["quantize"] = "quantize"
    scheme: Scheme = "int8"
    io: Literal["float32", "int8", "uint8"] = "float32"
    backend: Literal["litert", "converter"] = "litert"
    layers: QuantizedLayers = LayerSelection()

    @property
    def needs_calibration(self) -> bool:
        """Whether activations become integers, so that their ranges must be measured."""
        overrides = self.layers.values() if isinstance(self.layers, dict) else ()
        return bool({self.scheme, *overrides} & {"int8", "int16x8"})


class Convert(Frozen):
    """How the ``.tflite`` is written."""

    kind: Literal["convert"] = "convert"
    sparse: bool = False


class UserStage(Frozen):
    """A stage of the user's own: a Keras model in, a Keras model out."""

    kind: Literal["call"] = "call"
    call: str
    args: dict[str, JsonValue] = Field(default_factory=dict)


BuiltInStage = Prune | PruneChannels | Distill | Cluster | QuantizeAware | Quantize | Convert
Stage = Annotated[BuiltInStage | UserStage, Field(discriminator="kind")]

STAGES: Mapping[str, type[Frozen]] = MappingProxyType(
    {
        "prune": Prune,
        "prune_channels": PruneChannels,
        "distill": Distill,
        "cluster": Cluster,
        "quantize_aware": QuantizeAware,
        "quantize": Quantize,
        "convert": Convert,
    }
)
"""The stages that a recipe calls by name, by that name."""

"""One variant of a budget file, resolved: inheritance done, paths absolute."""

from dataclasses import dataclass

from pytest_modelbudget.budgetfile.stages import Stage
from pytest_modelbudget.budgetfile.types import Data, FileSource, Latency, Metric, Source, Training
from pytest_modelbudget.errors import Span
from pytest_modelbudget.judge.accepted import AcceptedVariant
from pytest_modelbudget.judge.limits.limit_kind import Limit


@dataclass(frozen=True)
class LocatedStage:
    """A stage of a recipe and where it is written, such as ``recipe[1] > cluster``."""

    stage: Stage
    where: str
    span: Span


Recipe = tuple[LocatedStage, ...]


@dataclass(frozen=True)
class FixedBaseline:
    """A score that was measured elsewhere, in the metric's own units."""

    score: float


@dataclass(frozen=True, eq=False)
class Budget:
    """One variant of one budget file: what to build, and its limits.

    Budgets are compared and hashed by identity, so each can be the key of what is known of it.

    Attributes:
        variant: Its name; None where the file has no ``variants``.
        span: The place of the variant.
        baseline: None for the default: the same model converted to float32.
        confidence: Of the interval that must lie inside an accuracy limit; None for the value.
        signature: Which one of a ``.tflite`` or SavedModel; empty where it has only one.
        trust_code: Whether Python code in model files may run.
        timeout_s: For one build or measurement.
        accepted: What the ledger has of it, if anything.
    """

    variant: str | None
    span: Span
    model: Source
    model_span: Span
    data: Data
    metric: Metric
    training: Training
    recipe: Recipe
    limits: tuple[Limit, ...]
    baseline: FileSource | FixedBaseline | None
    latency: Latency
    signature: str
    seed: int
    trust_code: bool
    timeout_s: float
    confidence: float | None
    imports: tuple[str, ...]
    depends_on: tuple[str, ...]
    accepted: AcceptedVariant | None = None

    @property
    def title(self) -> str:
        """The variant's name, or the file's where it has no variants."""
        return self.variant or self.span.path.stem

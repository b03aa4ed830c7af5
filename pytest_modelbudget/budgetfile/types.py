"""What a budget file says, resolved: inheritance done, units gone, paths absolute."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue

from pytest_modelbudget.budgetfile.stages import Positive, PositiveFloat, Stage
from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.paths import as_seen


class CallSource(Frozen):
    """``package.module:callable``, with the keyword arguments it is called with."""

    call: str
    args: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module part of ``package.module:callable``."""
        return self.call.partition(":")[0]

    def __str__(self) -> str:
        return self.call


class FileSource(Frozen):
    """An absolute path: a model in one of the supported formats, or an ``.npz``."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Source = CallSource | FileSource


class Data(Frozen):
    """Where samples come from. Each yields ``(x, y)``; see ``worker/data.py``."""

    train: Source | None = None
    test: Source | None = None
    calibration: Source | None = None


class Metric(Frozen):
    """A built-in metric by its name, or ``call`` for one of the user's own."""

    name: Literal["accuracy", "top_k_accuracy", "auc", "f1", "mae", "mse", "call"] = "accuracy"
    k: Positive = 5
    call: str | None = None
    higher_is_better: bool = True

    def __str__(self) -> str:
        return self.call or (f"top_{self.k}_accuracy" if "_k_" in self.name else self.name)


class Training(Frozen):
    """Defaults for the stages that train; ``None`` is what the model was compiled with."""

    loss: str | None = None
    optimizer: str | None = None
    learning_rate: PositiveFloat | None = None
    batch_size: Positive | None = None


class CommandTarget(Frozen):
    """A board reached by a command: ``{model}`` in it is replaced by the file."""

    command: Sequence[str]

    def __str__(self) -> str:
        return " ".join(self.command)


class Latency(Frozen):
    """How latency is taken: on what, with how many threads, on how many samples at once."""

    target: str | CommandTarget = "host"
    threads: Positive = 1
    batch_size: Positive = 1


@dataclass(frozen=True, order=True)
class Span:
    """A place in a budget file; ``line`` and ``column`` count from 1."""

    path: Path
    line: int
    column: int

    def __str__(self) -> str:
        """Write the path as seen from the working directory."""
        return f"{as_seen(self.path)}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Growth:
    """How much worse than the ledger: a share of it, or an amount in the limit's own unit."""

    amount: float
    relative: bool


Bound = int | float | bool | tuple[str, ...] | Growth


@dataclass(frozen=True)
class Limit:
    """One line of ``budget:``.

    ``bound`` is in bytes, seconds, the metric's own units, or a share (0.01 for ``1%``),
    as the limit's name says.
    """

    name: str
    bound: Bound
    span: Span


@dataclass(frozen=True)
class LocatedStage:
    """A stage of a recipe and where it is written, such as ``recipe[1] > cluster``."""

    stage: Stage
    where: str
    span: Span


@dataclass(frozen=True)
class FixedBaseline:
    """A score that was measured elsewhere, in the metric's own units."""

    score: float


@dataclass(frozen=True)
class Budget:
    """One variant of one budget file: what to build, and the limits it must hold.

    ``variant`` is None where the file has no ``variants``. ``baseline`` is None for
    the default: the same model converted to float32.
    """

    variant: str | None
    span: Span
    model: Source
    model_span: Span
    data: Data
    metric: Metric
    training: Training
    recipe: tuple[LocatedStage, ...]
    limits: tuple[Limit, ...]
    baseline: FileSource | FixedBaseline | None
    latency: Latency
    seed: int
    timeout_s: float
    confidence: float | None
    imports: tuple[str, ...]
    depends_on: tuple[str, ...]

    @property
    def title(self) -> str:
        """What the terminal calls it: the variant, or the file."""
        return self.variant or self.span.path.stem

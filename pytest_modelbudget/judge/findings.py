"""What was found out about a variant, and the measurement that a limit is compared with."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self, TypeVar

from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.judge.accepted import AcceptedVariant, Environment
from pytest_modelbudget.judge.results.artifact_forms import SUFFIXES, Form, Part
from pytest_modelbudget.judge.results.inference_costs import Arena, Instructions
from pytest_modelbudget.judge.results.latencies import LatencySample
from pytest_modelbudget.judge.results.model_structure import Structure
from pytest_modelbudget.judge.results.quantization import Quantization
from pytest_modelbudget.judge.results.scores import Comparison, ModelScore
from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.units.table import BaseUnit

Need = Literal[
    "artifact",
    "score",
    "baseline",
    "latency",
    "ratio",
    "structure",
    "figures",
    "arena",
    "instructions",
    "accepted_score",
    "accepted_latency",
]
T = TypeVar("T")


class UnmeasuredError(ModelBudgetError):
    """A limit that could not be judged, and why. Never a pass.

    Its text is ``cause`` and ``hint``: why, and what the user can do about it.
    """

    def __init__(self, cause: str, hint: str = "") -> None:
        self.cause = cause
        super().__init__(f"{cause}; {hint}" if hint else cause)


@dataclass(frozen=True)
class Artifact:
    """A ``.tflite`` or what TensorFlow serves, in the store, and how it was built.

    Attributes:
        path: The file; the folder, if it is a SavedModel.
        sha256: Of the file; of a folder, that of the names and digests of its files.
        size_bytes: Of the file, or of all files of the folder.
        gzip_bytes: Of the file, or of an archive of the folder, deflated at level 9.
        seconds: What its whole chain took when it was built.
        cached: Whether that was in another session.
        clustered: The layers that a stage has clustered.
        layers_skipped: A line for each stage that skipped layers.
        quantization: Who quantized it, and what is still float; None if it is not quantized.
        unrecorded: What it depends on that could not be recorded, if nothing stands for it.
        parts: Where the bytes of what TensorFlow serves are, the largest first.
    """

    path: Path
    sha256: str
    size_bytes: int
    gzip_bytes: int
    seconds: float
    cached: bool
    clustered: tuple[str, ...] = ()
    layers_skipped: str = ""
    quantization: Quantization | None = None
    unrecorded: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def form(self) -> Form:
        """What it is, such as ``the .tflite``."""
        return next(form for form, suffix in SUFFIXES.items() if suffix == self.path.suffix)

    def rejecting(self, why: str) -> Self:
        """Return it with the reason why another quantizer's file was not taken."""
        assert self.quantization, "a quantizer made it"
        quantization = self.quantization.model_copy(update={"rejected": why})
        return replace(self, quantization=quantization)


@dataclass(frozen=True)
class Findings:
    """All that was found out about one variant, as far as the limit needs it.

    Attributes:
        confident: Whether the interval must lie inside the limit, not only the value.
        test_data: The source of the test set, as messages name it.
        unrecorded: What its artifact or score depends on that could not be recorded.
        baseline_latency: Of the baseline, if this session measures it for another variant.
        target: What the latency is measured on.
        batch_size: Of one inference.
        tools: The versions of everything that a result depends on.
        accepted: What the ledger has of the variant, if anything.
        accepted_instructions: Of the accepted artifact, if they are in the cache.
        since_accepted: Sample by sample against the accepted outcomes, if these are in the cache.
        beside_accepted: Measured alternately with the accepted artifact, if that is in the cache.
    """

    artifact: Artifact
    metric: str
    higher_is_better: bool
    score: ModelScore | None = None
    baseline: float | None = None
    comparison: Comparison | None = None
    confident: bool = False
    test_data: str = ""
    unrecorded: tuple[str, ...] = ()
    latency: LatencySample | None = None
    baseline_latency: LatencySample | None = None
    structure: Structure | None = None
    figures: Figures | None = None
    arena: Arena | None = None
    instructions: Instructions | None = None
    target: str = "host"
    batch_size: int = 1
    tools: Environment = field(default_factory=dict)
    accepted: AcceptedVariant | None = None
    accepted_instructions: Instructions | None = None
    since_accepted: Comparison | None = None
    beside_accepted: LatencySample | None = None


@dataclass(frozen=True)
class Allowed:
    """The highest value that a limit allows, if that depends on what was found.

    Attributes:
        value: In ``base_unit``.
        base_unit: Of the measurement, too.
        unit: In which reports show both.
    """

    value: float
    base_unit: BaseUnit
    unit: str


@dataclass(frozen=True)
class Measurement:
    """The value that a limit is compared with, in the limit's base unit, and how it was measured.

    Attributes:
        baseline: What it was compared with, if anything.
        resolvable: The smallest value that the test set can tell from zero; 0.0 is any.
        samples: How many samples the test set has, where that limits what it resolves.
        interval: Must lie on one side of the limit; None as the high end is no upper end.
        confidence: Of the interval.
        spread: The confidence interval of a value that is judged itself.
        disturbed: What widened the interval.
        remark: What a reader must know although the limit may hold, if anything.
        improvement: How a figure improved by so much that it should be accepted, if it did.
        allowed: What it is compared with instead of the bound that is written.
    """

    value: float
    how: str
    baseline: str = ""
    resolvable: float = 0.0
    samples: int = 0
    interval: tuple[float, float | None] | None = None
    confidence: float = 0.0
    spread: tuple[float, float] | None = None
    disturbed: str = ""
    remark: str = ""
    improvement: str = ""
    allowed: Allowed | None = None

    def against(self, baseline: str) -> Self:
        """Return the measurement, naming what it was compared with."""
        return replace(self, baseline=baseline)

    def remarking(self, remark: str) -> Self:
        """Return the measurement with a remark."""
        return replace(self, remark=remark)


@dataclass(frozen=True)
class OtherSize:
    """What another form of the same model takes, and a note; None where it was not built."""

    name: str
    size_bytes: int | None
    note: str


@dataclass(frozen=True)
class FileSize:
    """Why a file is as large as it is, and the sizes of its other forms."""

    why: str
    others: tuple[OtherSize, ...]


@dataclass(frozen=True)
class StageScore:
    """The score after one stage of a recipe.

    Attributes:
        name: The stage's name; empty for the model without a recipe.
        where: Its place in the file.
        gentler: What helps where the stage lost too much.
        score: In the metric's own units.
    """

    name: str
    where: str
    gentler: str
    score: float


def present(value: T | None) -> T:
    """Return ``value``, which the limit has asked for in ``needs``."""
    assert value is not None, "the pipeline finds what the limit needs"
    return value

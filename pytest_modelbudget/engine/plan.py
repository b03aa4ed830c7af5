"""What to build and to measure for one variant; ``planner.py`` makes it from a budget."""

import math
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pytest_modelbudget.budgetfile.budget import FixedBaseline
from pytest_modelbudget.budgetfile.stages import ServedStage
from pytest_modelbudget.budgetfile.types import CommandTarget, Metric, Source
from pytest_modelbudget.errors import Span
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.installed import version_in
from pytest_modelbudget.protocol.measurement_jobs import LatencyBound
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.score_jobs import Served

TOOLS = (
    "ai-edge-litert",
    "ai-edge-quantizer",
    "keras",
    "numpy",
    "pytest-modelbudget",
    "scipy",
    "tensorflow",
    "tensorflow-model-optimization",
    "tf-keras",
)


@cache
def tool_versions() -> dict[str, str]:
    """Return the versions of Python and of all tools that a result depends on."""
    python = {"python": ".".join(platform.python_version_tuple()[:2])}
    return python | {tool: version_in(tool, sys.path) for tool in TOOLS}


@dataclass(frozen=True)
class Step:
    """One stage of one plan.

    Attributes:
        key: The content key of its result.
        title: The variant that it is planned for, as the terminal shows it.
        job: What the worker is told; its ``parent`` folder is filled in when that exists.
        parent: The step whose result it works on, or None where it loads the model.
        where: The stage's place in the file, such as ``recipe[1] > cluster``.
        span: Its line and column.
        tensorflow: Whether it must run where TensorFlow is loaded.
        timeout_s: How long it may take.
        either: Two steps of which the builder takes one: the second only if its file has fewer
            float weights. This step is then not built itself.
    """

    key: str
    title: str
    job: BuildJob
    parent: "Step | None"
    where: str
    span: Span
    tensorflow: bool
    timeout_s: float
    either: "tuple[Step, Step] | None" = None

    @property
    def served(self) -> Served | None:
        """How TensorFlow runs its result; None if that is not an artifact of TensorFlow."""
        stage = self.job.stage
        if not isinstance(stage, ServedStage):
            return None
        return Served(
            signature=self.job.signature or stage.gated_signature,
            trust_code=self.job.trust_code,
            project=self.job.project,
        )


@dataclass(frozen=True)
class Evaluation:
    """How an artifact is scored; ``key`` covers the data, the metric and the tools.

    Attributes:
        confidence: That limits are judged with; None where the value itself is judged.
    """

    key: str
    data: Source
    metric: Metric
    project: Project
    tensorflow: bool
    timeout_s: float
    confidence: float | None


@dataclass(frozen=True)
class Invocation:
    """How one inference is measured.

    Attributes:
        target: This machine (``host``), or where else.
        bounds: The limits in seconds.
        ratio_bounds: The limits against the float baseline.
        growth_bounds: The accepted latencies from which that of a new artifact has to be told,
            each with the SHA-256 of the artifact that had it.
    """

    target: str | CommandTarget
    threads: int
    batch_size: int
    bounds: tuple[LatencyBound, ...]
    ratio_bounds: tuple[LatencyBound, ...]
    growth_bounds: tuple[tuple[str, LatencyBound], ...]

    def bounds_of(self, sha256: str) -> tuple[LatencyBound, ...]:
        """Return what has to be decided of the latency of an artifact before timing ends.

        An accepted artifact has not grown, so its latency is not told from its own, which would
        take as long as timing may: an interval is enough.
        """
        interval = LatencyBound(statistic="p50", bound=math.inf)
        growth = (interval if old == sha256 else bound for old, bound in self.growth_bounds)
        return (*self.bounds, *growth)

    @property
    def conditions(self) -> tuple[str | CommandTarget, int, int]:
        """What must be the same where two latencies are compared."""
        return self.target, self.threads, self.batch_size


@dataclass(frozen=True)
class OtherForm:
    """Another end of the same recipe, from the same trained model.

    Attributes:
        name: In one word.
        written: What to write in the recipe.
        step: The last step of that recipe.
    """

    name: str
    written: str
    step: Step


@dataclass(frozen=True)
class StageForm:
    """The model after one of the stages that work on the Keras model, converted.

    Attributes:
        name: The stage's name; empty for the model without a recipe.
        where: Its place in the file.
        gentler: What helps where the stage lost too much of the score.
        step: The conversion.
    """

    name: str
    where: str
    gentler: str
    step: Step


@dataclass(frozen=True)
class Plan:
    """What to build and to measure for one variant.

    Attributes:
        title: The variant, as the terminal shows it.
        step: The last step of its recipe.
        baseline: The last step of its baseline, or a score that was measured elsewhere.
        evaluation: None without test data.
        rehearsal: The last step of what is evaluated before the training: the baseline, or the
            model without the recipe.
        timeout_s: How long one measurement may take.
        same_size: Why the file is as large as without some of its stages; empty if it is not.
        stage_forms: The model without a recipe, after each stage of the Keras model, and at the
            end; empty without such stages.
        other_forms: What the recipe could end in instead, where that makes the file smaller.
    """

    title: str
    step: Step
    baseline: Step | FixedBaseline
    evaluation: Evaluation | None
    rehearsal: Step
    invocation: Invocation
    timeout_s: float
    same_size: str
    stage_forms: tuple[StageForm, ...]
    other_forms: tuple[OtherForm, ...]

    def steps(self) -> Iterator[Step]:
        """Yield all steps of the variant and of its baseline, the last one of each first."""
        for last in (self.step, self.baseline):
            step = last if isinstance(last, Step) else None
            while step:
                yield step
                yield from step.either or ()
                step = step.parent

"""From a budget to the chain of steps that makes its artifact, each with a content key.

A key covers all that the bytes depend on: the model and what it imports from the
project, the data that the step reads, the stage's parameters, the seed, and the
versions of the tools. Limits are not in it: tightening a budget rebuilds nothing.
"""

from dataclasses import dataclass
from functools import cache
from importlib import metadata

from pytest_modelbudget.budgetfile.recipe_checks import TRAINS
from pytest_modelbudget.budgetfile.references import parse_model
from pytest_modelbudget.budgetfile.stages import (
    Convert,
    Distill,
    Prune,
    Quantize,
    Stage,
    UserStage,
)
from pytest_modelbudget.budgetfile.types import (
    Budget,
    CallSource,
    Data,
    FileSource,
    LocatedStage,
    Metric,
    Source,
    Span,
)
from pytest_modelbudget.engine.fingerprint import Fingerprint, Fingerprints, of_globs
from pytest_modelbudget.protocol.jobs import BuildJob, Project
from pytest_modelbudget.protocol.store import digest

TOOLS = (
    "ai-edge-litert",
    "ai-edge-quantizer",
    "keras",
    "numpy",
    "pytest-modelbudget",
    "tensorflow",
    "tensorflow-model-optimization",
    "tf-keras",
)


@dataclass(frozen=True)
class Step:
    """One stage of one plan.

    Attributes:
        key: The content key of what it makes.
        job: What the worker is told; its ``parent`` folder is filled in when that exists.
        parent: The step whose result it works on, or None where it loads the model.
        where: The stage's place in the file, such as ``recipe[1] > cluster``.
        span: Its line and column.
        tensorflow: Whether it must run where TensorFlow is loaded.
        timeout_s: How long it may take.
    """

    key: str
    job: BuildJob
    parent: "Step | None"
    where: str
    span: Span
    tensorflow: bool
    timeout_s: float


@dataclass(frozen=True)
class Evaluation:
    """How a ``.tflite`` is scored; ``key`` covers the data, the metric and the tools."""

    key: str
    data: Source
    metric: Metric
    project: Project
    tensorflow: bool
    timeout_s: float


@dataclass(frozen=True)
class Plan:
    """The last step of a variant and of its baseline (None for a fixed one), and its evaluation."""

    step: Step
    baseline: Step | None
    evaluation: Evaluation | None


@cache
def tool_versions() -> dict[str, str]:
    """Return the versions of all tools that a result depends on."""
    return {tool: metadata.version(tool) for tool in TOOLS}


def make_plan(budget: Budget, fingerprints: Fingerprints, project: Project) -> Plan:
    """Plan one variant."""
    chain = _Chain(budget, fingerprints, project)
    baseline = None
    if budget.baseline is None:
        baseline = chain.follow(budget.model, ())
    elif isinstance(budget.baseline, FileSource):
        baseline = chain.follow(budget.baseline, ())
    return Plan(chain.follow(budget.model, budget.recipe), baseline, chain.evaluation())


class _Chain:
    """Makes the steps of one budget, all from the same fingerprints."""

    def __init__(self, budget: Budget, fingerprints: Fingerprints, project: Project) -> None:
        self._budget = budget
        self._fingerprints = fingerprints
        self._project = project.model_copy(update={"imports": budget.imports})
        self._surroundings = [
            fingerprints.of_modules(budget.imports).sha256,
            of_globs(budget.depends_on, budget.span.path.parent),
            tool_versions(),
        ]

    def follow(self, model: Source, recipe: tuple[LocatedStage, ...]) -> Step:
        """Chain the steps of ``recipe``, with the conversion to a ``.tflite`` where it belongs."""
        step = None
        before: tuple[Stage, ...] = ()
        for located in _with_conversion(recipe, self._budget.model_span):
            step = self._step(located, model, step, before)
            before = (*before, located.stage)
        assert step is not None, "there is always a conversion"
        return step

    def evaluation(self) -> Evaluation | None:
        budget = self._budget
        if budget.data.test is None:
            return None
        data = self._fingerprints.of_source(budget.data.test)
        metric = Fingerprint("")
        if budget.metric.call is not None:
            module = budget.metric.call.partition(":")[0]
            metric = self._fingerprints.of_modules([module])
        identity = [data.sha256, metric.sha256, budget.metric.model_dump(), *self._surroundings]
        return Evaluation(
            key=digest(identity),
            data=budget.data.test,
            metric=budget.metric,
            project=self._project,
            tensorflow=data.tensorflow or metric.tensorflow,
            timeout_s=budget.timeout_s,
        )

    def _step(
        self, located: LocatedStage, model: Source, parent: Step | None, before: tuple[Stage, ...]
    ) -> Step:
        budget, stage = self._budget, located.stage
        data = _data_of(stage, budget.data)
        read = [data.train, data.calibration, _own_source(stage), None if parent else model]
        inputs = [self._fingerprints.of_source(source) for source in read if source is not None]
        identity = [
            stage.model_dump(mode="json"),
            parent and parent.key,
            [fingerprint.sha256 for fingerprint in inputs],
            budget.training.model_dump(mode="json") if stage.kind in TRAINS else None,
            budget.seed,
            *self._surroundings,
        ]
        return Step(
            key=digest(identity),
            job=BuildJob(
                stage=stage,
                before=before,
                parent=None,
                model=model,
                data=data,
                training=budget.training,
                seed=budget.seed,
                project=self._project,
            ),
            parent=parent,
            where=located.where,
            span=located.span,
            tensorflow=any(each.tensorflow for each in inputs) or _needs_tensorflow(stage, model),
            timeout_s=budget.timeout_s,
        )


def _with_conversion(recipe: tuple[LocatedStage, ...], span: Span) -> list[LocatedStage]:
    """Return ``recipe`` with the conversion where the ``.tflite`` begins, written or not.

    Sparse encoding comes last, wherever it is written: no quantizer can read it.
    """
    stages = [located for located in recipe if not isinstance(located.stage, Convert)]
    written = [located for located in recipe if isinstance(located.stage, Convert)]
    last = stages[-1].stage if stages else None
    quantized = isinstance(last, Quantize)
    if not (isinstance(last, Quantize) and last.backend == "converter"):
        place = written[0] if written else LocatedStage(Convert(), "convert", span)
        converted = LocatedStage(Convert(), place.where, place.span)
        stages.insert(len(stages) - quantized, converted)
    return stages + [located for located in written if located.stage != Convert()]


def _data_of(stage: Stage, data: Data) -> Data:
    """Return the data that ``stage`` reads, and nothing else: the rest is not in its key."""
    if isinstance(stage, Quantize) and stage.needs_calibration:
        return Data(calibration=data.calibration) if data.calibration else Data(train=data.train)
    return Data(train=data.train) if stage.kind in TRAINS else Data()


def _own_source(stage: Stage) -> Source | None:
    """Return the user's code that a stage names itself."""
    if isinstance(stage, UserStage):
        return CallSource(call=stage.call, args=stage.args)
    if isinstance(stage, Distill):
        return parse_model(stage.student)
    if isinstance(stage, Prune) and ":" in stage.schedule:
        return CallSource(call=stage.schedule)
    return None


def _needs_tensorflow(stage: Stage, model: Source) -> bool:
    if isinstance(stage, Quantize):
        return stage.backend == "converter"
    if stage == Convert(sparse=True):
        return False
    return not (isinstance(model, FileSource) and model.path.suffix == ".tflite")

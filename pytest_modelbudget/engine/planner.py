"""From a budget to its plan: a chain of steps that makes the artifact, each with a content key.

A key covers what the budget file says of a step: the model, the data, the stage's
parameters, the seed; and the versions of the tools. What the user's code reads is recorded with
each result. Limits are not in it: tightening a budget rebuilds nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_modelbudget.budgetfile.budget import Budget, FixedBaseline, LocatedStage, Recipe
from pytest_modelbudget.budgetfile.stages import Convert, Quantize, ServedStage, Stage
from pytest_modelbudget.budgetfile.types import Source
from pytest_modelbudget.engine.fingerprint import Fingerprint, Fingerprints, declared_files
from pytest_modelbudget.engine.other_endings import other_endings, why_same_size
from pytest_modelbudget.engine.plan import (
    Evaluation,
    Invocation,
    OtherForm,
    Plan,
    StageForm,
    Step,
)
from pytest_modelbudget.engine.tool_state import tool_state
from pytest_modelbudget.errors import Span
from pytest_modelbudget.judge.limits import LIMITS
from pytest_modelbudget.judge.limits.growth_bound import GrowthBound
from pytest_modelbudget.judge.limits.latency_limits import LatencyLimit
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.digests import digest
from pytest_modelbudget.protocol.measurement_jobs import LatencyBound
from pytest_modelbudget.protocol.named_code import import_folder
from pytest_modelbudget.protocol.project import Project


class Planner:
    """Makes the plans of one session, each once.

    Args:
        project: Where the user's modules are found.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._fingerprints: dict[Project, Fingerprints] = {}
        self._plans: dict[Budget, Plan] = {}

    def plan(self, budget: Budget) -> Plan:
        """Return the plan of a variant.

        Raises:
            ModelBudgetError, OSError: If a file or module that it names cannot be read.
        """
        if budget not in self._plans:
            project = _project(budget, self._project)
            fingerprints = self._fingerprints.setdefault(project, Fingerprints(project))
            self._plans[budget] = _Steps(budget, fingerprints, project).plan()
        return self._plans[budget]


def _project(budget: Budget, project: Project) -> Project:
    """Return ``project`` as the modules of ``budget`` see it."""
    return project.model_copy(
        update={
            "sys_path": (import_folder(budget.span.path), *project.sys_path),
            "imports": budget.imports,
            "depends_on": declared_files(budget.depends_on, budget.span.path.parent),
        }
    )


class _Steps:
    """Makes the steps of one budget, all from the same fingerprints."""

    def __init__(self, budget: Budget, fingerprints: Fingerprints, project: Project) -> None:
        self._budget = budget
        self._fingerprints = fingerprints
        self._project = project
        self._surroundings = [
            fingerprints.of_modules(budget.imports).sha256,
            fingerprints.of_declared,
            tool_state(),
        ]

    def plan(self) -> Plan:
        budget = self._budget
        forms = tuple(
            OtherForm(ending.name, ending.written, self._last(budget.model, ending.recipe))
            for ending in other_endings(budget.recipe, budget.span)
        )
        baseline = self._baseline()
        return Plan(
            title=budget.title,
            step=self._last(budget.model, budget.recipe),
            baseline=baseline,
            evaluation=self._evaluation(),
            rehearsal=baseline if isinstance(baseline, Step) else self._last(budget.model, ()),
            invocation=_invocation(budget),
            timeout_s=budget.timeout_s,
            same_size=why_same_size(budget.recipe),
            stage_forms=tuple(self._stage_forms()),
            other_forms=forms,
        )

    def _stage_forms(self) -> Iterator[StageForm]:
        recipe = self._budget.recipe
        works_on_keras = [each.stage.needs_keras and not each.stage.makes for each in recipe]
        if not any(works_on_keras):
            return
        yield StageForm("", "", "", self._last(self._budget.model, ()))
        for end, located in enumerate(recipe, start=1):
            if works_on_keras[end - 1] or end == len(recipe):
                name, step = located.where.rpartition(" > ")[2], recipe[:end]
                gentler = located.stage.gentler
                yield StageForm(name, located.where, gentler, self._last(self._budget.model, step))

    def _baseline(self) -> Step | FixedBaseline:
        baseline = self._budget.baseline
        if isinstance(baseline, FixedBaseline):
            return baseline
        return self._last(baseline or self._budget.model, self._unchanged(baseline))

    def _unchanged(self, baseline: Source | None) -> Recipe:
        """Return the recipe of a baseline: TensorFlow serves it too, if it is the same model."""
        recipe = self._budget.recipe
        last = recipe[-1] if recipe else None
        if baseline or last is None or not isinstance(last.stage, ServedStage):
            return ()
        return (LocatedStage(last.stage.of_baseline(), last.where, last.span),)

    def _last(self, model: Source, recipe: Recipe) -> Step:
        """Chain the steps of ``recipe``, with the conversion to a ``.tflite`` where it belongs."""
        step = None
        before: tuple[Stage, ...] = ()
        for located in _with_conversion(recipe, self._budget.model_span):
            step = self._quantized(located, model, step, before) or self._step(
                located, model, step, before
            )
            before = (*before, located.stage)
        assert step is not None, "there is always a stage that makes the artifact"
        return step

    def _quantized(
        self, located: LocatedStage, model: Source, parent: Step | None, before: tuple[Stage, ...]
    ) -> Step | None:
        """Return the step of a ``quantize`` whose backend is not chosen yet, or None."""
        if not isinstance(located.stage, Quantize) or located.stage.backend != "auto":
            return None
        assert parent is not None, "a conversion comes before it"
        stages = [
            LocatedStage(each, located.where, located.span)
            for each in located.stage.backends(model)
        ]
        step = self._step(stages[0], model, parent, before)
        if len(stages) == 1:
            return step
        other = self._step(stages[1], model, parent.parent, before[:-1])
        return replace(step, key=digest([step.key, other.key]), either=(step, other))

    def _evaluation(self) -> Evaluation | None:
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
            confidence=budget.confidence,
        )

    def _step(
        self, located: LocatedStage, model: Source, parent: Step | None, before: tuple[Stage, ...]
    ) -> Step:
        budget, stage = self._budget, located.stage
        data = stage.data_read(budget.data)
        read = {
            "train": data.train,
            "calibration": data.calibration,
            "model": None if parent else model,
            **{f"own {number}": own for number, own in enumerate(stage.own_sources())},
        }
        inputs = {
            role: self._fingerprints.of_source(source)
            for role, source in read.items()
            if source is not None
        }
        identity = [
            stage.model_dump_json(),
            parent and parent.key,
            {role: fingerprint.sha256 for role, fingerprint in inputs.items()},
            budget.training.model_dump_json() if stage.trains else None,
            budget.seed,
            budget.signature,
            *self._surroundings,
        ]
        return Step(
            key=digest(identity),
            title=budget.title,
            job=BuildJob(
                stage=stage,
                before=before,
                parent=None,
                model=model,
                data=data,
                training=budget.training,
                signature=budget.signature,
                seed=budget.seed,
                trust_code=budget.trust_code,
                project=self._project,
            ),
            parent=parent,
            where=located.where,
            span=located.span,
            tensorflow=any(each.tensorflow for each in inputs.values())
            or stage.needs_tensorflow(model),
            timeout_s=budget.timeout_s,
        )


def _with_conversion(recipe: Recipe, span: Span) -> list[LocatedStage]:
    """Return ``recipe`` with the conversion where a ``.tflite`` begins, written or not.

    Sparse encoding comes last, wherever it is written: no quantizer can read it.
    """
    if recipe and isinstance(recipe[-1].stage, ServedStage):
        return list(recipe)
    stages = [located for located in recipe if not isinstance(located.stage, Convert)]
    written = [located for located in recipe if isinstance(located.stage, Convert)]
    last = stages[-1].stage if stages else None
    quantized = isinstance(last, Quantize)
    if not (isinstance(last, Quantize) and last.backend == "converter"):
        place = written[0] if written else LocatedStage(Convert(), "convert", span)
        converted = LocatedStage(Convert(), place.where, place.span)
        stages.insert(len(stages) - quantized, converted)
    return stages + [located for located in written if located.stage != Convert()]


def _invocation(budget: Budget) -> Invocation:
    bounds = tuple(
        LatencyBound(statistic=kind.statistic, bound=kind.highest_allowed(limit))
        for limit in budget.limits
        if isinstance(kind := LIMITS[limit.name], LatencyLimit)
    )
    growth = [each for each in budget.limits if "accepted_latency" in LIMITS[each.name].needs]
    return Invocation(
        target=budget.latency.target,
        threads=budget.latency.threads,
        batch_size=budget.latency.batch_size,
        bounds=tuple(bound for bound in bounds if bound.statistic != "ratio"),
        ratio_bounds=tuple(bound for bound in bounds if bound.statistic == "ratio"),
        growth_bounds=tuple(_growth_bounds(budget, growth)) if growth else (),
    )


def _growth_bounds(budget: Budget, limits: Sequence[Limit]) -> Iterator[tuple[str, LatencyBound]]:
    """Return the bounds that must be decided before a latency with limited growth is used.

    They are the accepted latencies of all machines, because it is not known here on which one the
    latency is measured. If none was accepted, the bound is 0 seconds. Every latency exceeds it, so
    timing continues until this is confirmed, and the first accepted latency is reliable. Growth
    since the anchor is that of no artifact which is known.
    """
    machines = budget.accepted.by_machine.get("latency", {}) if budget.accepted else {}
    since_anchor = any(
        isinstance(limit.bound, GrowthBound) and limit.bound.since == "anchor" for limit in limits
    )
    for figure in machines.values():
        artifact = "" if since_anchor else figure.artifact
        yield artifact, LatencyBound(statistic="p50", bound=figure.value)
    if not machines:
        yield "", LatencyBound(statistic="p50", bound=0.0)

"""Measures variants outside of pytest and judges nothing: for notebooks and the command line.

    from pytest_modelbudget.explore.measure import measure, measure_model

    measure("budgets/digits.budget.yaml")
    measure_model("digits.keras", test="test.npz")

Both find modules and the cache as pytest would.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.budgetfile.presets import PRESETS
from pytest_modelbudget.engine.loop_thread import LoopThread, wait_for
from pytest_modelbudget.engine.pipeline import BuildError, Pipeline, PipelineOptions
from pytest_modelbudget.engine.task_status import activity_text
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.explore.first_budget import FIGURES, Start, draft
from pytest_modelbudget.explore.measured import MeasuredVariant, MeasuredVariants
from pytest_modelbudget.explore.metric_guess import guess_metric
from pytest_modelbudget.explore.project_options import project_options
from pytest_modelbudget.explore.request import Request, request_of
from pytest_modelbudget.judge.findings import UnmeasuredError
from pytest_modelbudget.judge.limits.limit_kind import Limit
from pytest_modelbudget.judge.results.model_description import ModelDescription
from pytest_modelbudget.report.row import Row

TIME_OVER = "the time limit was reached"


class Measuring:
    """An open pipeline that measures variants one after the other; a context manager.

    Args:
        options: Of the engine.
        training_s: How long variants that train may take in all, from the first of them on.
        watch: Called several times a second with what runs now, in words.
    """

    def __init__(
        self,
        options: PipelineOptions,
        training_s: float = math.inf,
        watch: Callable[[str], None] = lambda _running: None,
    ) -> None:
        self._training_s = training_s
        self._until_s = math.inf
        self._watch = watch
        self._loop = LoopThread()
        self._pipeline = self._loop.submit(Pipeline.open(options)).result()

    def __enter__(self) -> "Measuring":
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what runs; what is built and scored stays in the cache."""
        self._loop.submit(self._pipeline.close()).result()
        self._loop.close()

    def describe(self, budget: Budget) -> ModelDescription:
        """Describe the model of a variant and its labels.

        Raises:
            BuildError, UnmeasuredError: If one of them cannot be used.
        """
        return wait_for(self._loop.submit(self._pipeline.describe(budget)), self._tell)

    def variants(self, budgets: Iterable[Budget]) -> Iterator[MeasuredVariant]:
        """Yield each variant when its figures, which are its limits, are measured."""
        for budget in budgets:
            trains = any(located.stage.trains for located in budget.recipe)
            if trains and self._until_s == math.inf:
                self._until_s = time.monotonic() + self._training_s
            if trains and self._is_late():
                yield MeasuredVariant(budget.variant or "", why_not=TIME_OVER)
                continue
            future = self._loop.submit(_measured(self._pipeline, budget))
            try:
                yield wait_for(future, self._tell_in_time if trains else self._tell)
            except _LateError:
                future.cancel()
                yield MeasuredVariant(budget.variant or "", why_not=TIME_OVER)

    def drafted(self, start: Start) -> Iterator[MeasuredVariant]:
        """Yield each variant of a draft, without places in its file, which is not written yet."""
        for variant in self.variants(start.budgets):
            yield variant.without_places_in(start.request.file)

    def _tell(self) -> None:
        self._watch("; ".join(map(activity_text, tuple(self._pipeline.running))))

    def _tell_in_time(self) -> None:
        self._tell()
        if self._is_late():
            raise _LateError

    def _is_late(self) -> bool:
        return time.monotonic() >= self._until_s


class _LateError(Exception):
    """The time is over."""


def measure(budget_file: str | Path, variants: Sequence[str] = ()) -> MeasuredVariants:
    """Measure every figure of a budget file's variants, as ``pytest --budget-measure`` does.

    Args:
        budget_file: Its path; limits are not judged, and need not be there.
        variants: The names of some of its variants; all without them.

    Raises:
        ModelBudgetError: If the file is wrong, or nothing can be measured here.
    """
    path = Path(budget_file).absolute()
    budgets = load(path, judged=False)
    wanted = [each for each in budgets if not variants or each.variant in variants]
    with Measuring(project_options(path.parent)) as measuring:
        return MeasuredVariants([*measuring.variants(wanted)])


def measure_model(
    model: str,
    *,
    test: str = "",
    train: str = "",
    calibration: str = "",
    metric: str = "",
    presets: Sequence[str] = tuple(PRESETS),
    imports: Sequence[str] = (),
    trust_code: bool = False,
    signature: str = "",
) -> MeasuredVariants:
    """Measure a model under presets, as ``modelbudget init`` does, without writing a file.

    Args:
        model: A path relative to the working directory, or ``package.module:callable``.
        test: A path to an ``.npz``, or ``package.module:callable``; likewise the other data.
        train: For the presets that train.
        calibration: For the presets that quantize activations.
        metric: As in a budget file; guessed if it is empty.
        presets: Those to measure; those that cannot apply have the reason in ``why_not``.
        imports: Modules that register custom layers, besides those that a ``.keras`` file names.
        trust_code: Whether Python code in the model file may run.
        signature: Which one of a ``.tflite`` or SavedModel; empty where it has only one.

    Raises:
        ModelBudgetError: If the model or the data cannot be used.
    """
    file = Path("model.budget.yaml").absolute()
    data = {"train": train, "test": test, "calibration": calibration}
    request = request_of(
        file,
        model,
        data,
        metric=metric,
        imports=imports,
        trust_code=trust_code,
        signature=signature,
    )
    options = project_options(file.parent)
    with Measuring(options) as measuring:
        start = begin(measuring, request, options, presets)
        skipped = [MeasuredVariant(name, why_not=why) for name, why in start.skipped.items()]
        return MeasuredVariants([*measuring.drafted(start), *skipped])


def begin(
    measuring: Measuring, request: Request, options: PipelineOptions, presets: Sequence[str]
) -> Start:
    """Load the model and the labels, guess the metric, and find the presets that can apply.

    Raises:
        ModelBudgetError: If the model or the data cannot be used, or no preset can be applied.
    """
    found = draft(request, options, presets)
    try:
        model = measuring.describe(found.budgets[0])
    except (BuildError, UnmeasuredError) as error:
        raise ModelBudgetError(_cause(error)) from error
    if "test" in request.data and not request.metric:
        guess = guess_metric(model)
        found = draft(replace(request, metric=guess.metric), options, presets)
        found = replace(found, guess=guess.why)
    return replace(found, budgets=tuple(only(found.budgets, FIGURES)))


def _cause(error: Exception) -> str:
    """Return what went wrong in one line, with the place of the log instead of its excerpt."""
    lines = [line for line in str(error).splitlines() if not line.startswith("repeat: ")]
    told = [line.rstrip(".") for line in lines if not line.startswith("    ")]
    is_explained = len(told) == len(lines)
    return "; ".join(line for line in told if not (is_explained and line.startswith("log: ")))


def only(budgets: Iterable[Budget], figures: Sequence[str]) -> list[Budget]:
    """Return ``budgets`` with only those limits that measure one of ``figures``, in that order."""
    return [
        replace(
            budget,
            limits=tuple(
                limit for name in figures for limit in budget.limits if limit.figure == name
            ),
        )
        for budget in budgets
    ]


async def _measured(pipeline: Pipeline, budget: Budget) -> MeasuredVariant:
    rows: list[Row] = []
    why_not = ""
    for limit in budget.limits:
        rows.append(await _figure(pipeline, budget, limit))
        if (rows[-1].name, rows[-1].outcome) == ("accuracy", "skipped"):
            why_not = rows[-1].how
            break  # timing a variant without a score would be in vain
    if rows and all(row.outcome == "error" for row in rows):
        why_not = rows[0].how
    return MeasuredVariant(
        budget.variant or "", tuple(rows), why_not, budget.metric.higher_is_better
    )


async def _figure(pipeline: Pipeline, budget: Budget, limit: Limit) -> Row:
    row = Row(
        budget=str(limit.span.path),
        variant=budget.variant or "",
        name=limit.item_name,
        place=str(limit.span),
    )
    try:
        await pipeline.build(budget, limit)
        findings = await pipeline.find(budget, limit)
        row = row.of_artifact(findings.artifact, findings.unrecorded)
        return row.looked_at(limit, findings)
    except BuildError as error:
        return row.not_built(_cause(error))
    except UnmeasuredError as error:
        return row.skipped(_cause(error))

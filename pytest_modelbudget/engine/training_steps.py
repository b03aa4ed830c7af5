"""The steps that the preflight check looks at before the first of them trains."""

from collections.abc import Iterator

from pytest_modelbudget.budgetfile.stages import Quantize, ServedStage, Stage, UserStage
from pytest_modelbudget.engine.plan import Step
from pytest_modelbudget.errors import ModelBudgetError


class PreflightError(ModelBudgetError):
    """A recipe that cannot be trained as written: why, and by which of its stages."""

    def __init__(self, text: str, stage: int) -> None:
        super().__init__(text)
        self.stage = stage


def training_steps(step: Step) -> tuple[Step, ...]:
    """Return the steps up to ``step`` that work on the Keras model, in order."""
    before = training_steps(step.parent) if step.parent else ()
    return (*before, step) if _is_checked(step.job.stage) else before


def parts(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """Split ``steps`` after each stage of the user's own, whose result is unknown before it ran."""
    begin = 0
    for end, step in enumerate(steps, start=1):
        if isinstance(step.job.stage, UserStage) or end == len(steps):
            yield steps[begin:end]
            begin = end


def ending_step(step: Step) -> Step | None:
    """Return the step up to ``step`` that quantizes the result of the training, or serves it."""
    found: Step | None = step
    while found and not isinstance(found.job.stage, Quantize | ServedStage):
        found = found.parent
    return found


def _is_checked(stage: Stage) -> bool:
    """Tell whether the preflight check looks at a stage: all but those that write the artifact."""
    return stage.needs_keras and not stage.makes

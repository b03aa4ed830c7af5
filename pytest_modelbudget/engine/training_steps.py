"""The steps that the preflight check looks at before the first of them trains."""

from pytest_modelbudget.budgetfile.stages import Stage
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


def calibrated_step(step: Step) -> Step | None:
    """Return the step up to ``step`` that reads calibration data, if there is one."""
    found: Step | None = step
    while found and found.job.data.calibration is None:
        found = found.parent
    return found


def _is_checked(stage: Stage) -> bool:
    """Tell whether the preflight check looks at a stage: all but those that write the artifact."""
    return stage.needs_keras and not stage.makes

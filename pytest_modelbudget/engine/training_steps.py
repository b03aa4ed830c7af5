"""What of a chain is looked at before the first training in it."""

from pytest_modelbudget.budgetfile.recipe_checks import TRAINS
from pytest_modelbudget.engine.plan import Step
from pytest_modelbudget.errors import ModelBudgetError

_KINDS = TRAINS | {"call"}


class PreflightError(ModelBudgetError):
    """A recipe that cannot be trained as written: why, and by which of its stages."""

    def __init__(self, text: str, stage: int) -> None:
        super().__init__(text)
        self.stage = stage


def training_steps(step: Step) -> tuple[Step, ...]:
    """Return the steps up to ``step`` that work on the Keras model, in order."""
    before = training_steps(step.parent) if step.parent else ()
    return (*before, step) if step.job.stage.kind in _KINDS else before

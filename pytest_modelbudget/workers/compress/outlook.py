"""What a stage is going to do, as far as it can be known before anything is trained."""

from dataclasses import dataclass

from pytest_modelbudget.protocol.layer_choice import Selection
from pytest_modelbudget.workers.compress.models.sources import Model


@dataclass(frozen=True)
class Outlook:
    """The outcome of a stage, untrained.

    Attributes:
        model: What the next stage gets, but for the values of its weights; None if that
            only shows when the stage runs.
        selection: The layers that the stage takes and leaves; None if it does not choose.
    """

    model: Model | None = None
    selection: Selection | None = None

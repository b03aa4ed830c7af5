"""The result of a stage, as far as it is known before anything is trained."""

from dataclasses import dataclass

from pytest_modelbudget.protocol.layer_choice import LayerChoice
from pytest_modelbudget.workers.compress.training.trainable import Trainable


@dataclass(frozen=True)
class Outlook:
    """The result of a stage, untrained.

    Attributes:
        result: What the next stage gets, except for the values of the weights; None if that is
            unknown before the stage runs.
        choice: The layers that the stage works on; None if it does not choose layers.
    """

    result: Trainable | None = None
    choice: LayerChoice | None = None

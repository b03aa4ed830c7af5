"""When a ``prune`` stage prunes: fractions of the training turned into its real steps."""

from typing import Any

import tensorflow_model_optimization as tfmot

from pytest_modelbudget.budgetfile.stages import Prune
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.training.fine_tuning import Steps
from pytest_modelbudget.workers.userdata.usercode import call_user

UPDATES = 20  # of the masks, unless ``frequency`` says otherwise: each sorts all weights


def make_schedule(stage: Prune, steps: Steps) -> Any:
    """Make the schedule of a stage for a training.

    Args:
        stage: Its ``schedule``, ``begin``, ``end``, ``frequency`` and sparsities. A user's own
            schedule is called with these and with ``steps``.
        steps: Of the training.

    Returns:
        A ``tfmot.sparsity.keras.PruningSchedule``, whose steps count from 1. A polynomial one
        gets to its final sparsity, as its length is a multiple of its frequency.

    Raises:
        JobError: It would never get there, or the user's own is no schedule.
    """
    if ":" in stage.schedule:
        return _own(stage, steps)
    begin, end = (max(1, round(share * steps.total)) for share in (stage.begin, stage.end))
    frequency = stage.frequency or max(1, (end - begin) // UPDATES)
    schedules = tfmot.sparsity.keras
    if stage.schedule == "constant" or begin == end:
        return schedules.ConstantSparsity(stage.sparsity, begin, end, frequency)
    if frequency > end - begin:
        raise JobError(
            f"frequency: {frequency} is more than the {end - begin} steps from begin to end, "
            f"of {steps.total} in all: the sparsity would never grow",
            "lower frequency or leave it out, or train for more epochs",
        )
    end = begin + (end - begin) // frequency * frequency
    return schedules.PolynomialDecay(
        stage.initial_sparsity, stage.sparsity, begin, end, frequency=frequency
    )


def _own(stage: Prune, steps: Steps) -> Any:
    parameters = stage.model_dump(exclude={"kind", "schedule", "layers"})
    schedule = call_user(stage.schedule, {"steps": steps, **parameters})
    if not isinstance(schedule, tfmot.sparsity.keras.PruningSchedule):
        raise JobError(
            f"{stage.schedule} returned a {type(schedule).__name__}, not a pruning schedule",
            "return a tfmot.sparsity.keras.PruningSchedule",
        )
    return schedule

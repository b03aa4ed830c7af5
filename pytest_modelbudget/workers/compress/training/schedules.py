"""Makes pruning schedules: shares of the training become steps."""

from typing import Any

import tensorflow_model_optimization as tfmot

from pytest_modelbudget.budgetfile.stages import Prune
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.training.training_set import TrainingSteps
from pytest_modelbudget.workers.userdata.usercode import call_user

UPDATES = 20  # of the masks, without ``frequency``; each update sorts all weights


def make_schedule(stage: Prune, steps: TrainingSteps) -> Any:
    """Make the schedule of a stage.

    The polynomial schedule is that of Zhu and Gupta 2017, arXiv:1710.01878.

    Args:
        stage: The parameters. A schedule of the user's own is called with them and with ``steps``.
        steps: The length of the training.

    Returns:
        A ``tfmot.sparsity.keras.PruningSchedule``, whose steps count from 1. A polynomial schedule
        reaches its final sparsity, because its length is a multiple of its frequency.

    Raises:
        JobError: If the sparsity would never increase, or if the user's own callable does not
            return a schedule.
    """
    if ":" in stage.schedule:
        return _of_user(stage, steps)
    begin, end = (max(1, round(share * steps.total)) for share in (stage.begin, stage.end))
    frequency = stage.frequency or max(1, (end - begin) // UPDATES)
    schedules = tfmot.sparsity.keras
    if stage.schedule == "constant" or begin == end:
        return schedules.ConstantSparsity(stage.sparsity, begin, end, frequency)
    if frequency > end - begin:
        raise JobError(
            f"frequency: {frequency} is more than the {end - begin} steps from begin to end (of "
            f"{steps.total} in all), so the sparsity would never increase",
            "lower frequency or remove it, or train for more epochs",
        )
    end = begin + (end - begin) // frequency * frequency
    return schedules.PolynomialDecay(
        stage.initial_sparsity, stage.sparsity, begin, end, frequency=frequency
    )


def _of_user(stage: Prune, steps: TrainingSteps) -> Any:
    parameters = stage.model_dump(exclude={"kind", "schedule", "layers"})
    schedule = call_user(stage.schedule, {"steps": steps, **parameters})
    if not isinstance(schedule, tfmot.sparsity.keras.PruningSchedule):
        raise JobError(
            f"{stage.schedule} returned a {type(schedule).__name__}, not a pruning schedule",
            "return a tfmot.sparsity.keras.PruningSchedule",
        )
    return schedule

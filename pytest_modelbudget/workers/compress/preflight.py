"""Checks what a recipe trains before any training, which can take hours."""

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import Preflight, PreflightJob, Progress
from pytest_modelbudget.protocol.layer_choice import LayerChoice
from pytest_modelbudget.workers.compress.stages import preflight_stage
from pytest_modelbudget.workers.compress.training.trainable import begin


def preflight(job: PreflightJob, progress: Progress) -> Preflight:
    """Check each stage, in order, on the model that it will get.

    The check ends after a stage of the user's own, whose result is unknown before it runs.

    Raises:
        JobError: If a stage cannot run; the error's ``stage`` is its index.
    """
    progress("loading the model")
    start = begin(job.steps[0])
    choices: list[LayerChoice | None] = []
    for index, step in enumerate(job.steps):
        kind = step.stage.kind
        progress(f"checking {kind}")
        try:
            outlook = preflight_stage(step, start)
        except JobError as error:
            raise JobError(error.cause, error.hint, index) from error
        choices.append(outlook.choice)
        if outlook.choice and (why := outlook.choice.why_skipped()):
            progress(f"skipped by {kind}: {why}")
        if outlook.result is None:
            break
        start = outlook.result
    return Preflight(layer_choices=tuple(choices))

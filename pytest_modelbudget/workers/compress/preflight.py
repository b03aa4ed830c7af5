"""Looks at what a recipe is going to train, so that a mistake in it costs no hour of training."""

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import Preflight, PreflightJob, Progress
from pytest_modelbudget.protocol.layer_choice import Selection
from pytest_modelbudget.workers.compress.stages import keras_stage
from pytest_modelbudget.workers.compress.training import fine_tuning


def preflight(job: PreflightJob, progress: Progress) -> Preflight:
    """Ask each stage in order what it is going to do to the model that it will get.

    It ends early behind a stage of the user's own, which may make anything of a model.

    Raises:
        JobError: A stage cannot do what it is asked for; the error's ``stage`` is its index.
    """
    progress("loading the model")
    model = fine_tuning.load(job.steps[0])
    selections: list[Selection | None] = []
    for index, step in enumerate(job.steps):
        kind = step.stage.kind
        progress(f"looking at {kind}")
        try:
            outlook = keras_stage(kind).preflight(step, model)
        except JobError as error:
            raise JobError(error.cause, error.hint, index) from error
        selections.append(outlook.selection)
        if outlook.selection and (why_left := outlook.selection.why_left()):
            progress(f"left by {kind}: {why_left}")
        if outlook.model is None:
            break
        model = outlook.model
    return Preflight(selections=tuple(selections))

"""Checks what a recipe trains before any training, which can take hours."""

import tempfile
from pathlib import Path

from pytest_modelbudget.budgetfile.stages import KerasFile
from pytest_modelbudget.budgetfile.types import Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import BuildJob, Preflight, PreflightJob, Progress
from pytest_modelbudget.protocol.layer_choice import LayerChoice
from pytest_modelbudget.workers.compress.convert import tf_converter
from pytest_modelbudget.workers.compress.export.back_to_keras3 import in_original_keras
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.models.serving import serving_function
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.stages import preflight_stage
from pytest_modelbudget.workers.compress.training.feeding import check_inputs
from pytest_modelbudget.workers.compress.training.trainable import Trainable, begin, load, save
from pytest_modelbudget.workers.userdata.datasets import open_data
from pytest_modelbudget.workers.userdata.usercode import user_code


def preflight(job: PreflightJob, progress: Progress) -> Preflight:
    """Check each stage, in order, on the model that it will get.

    The result of each stage is saved and loaded, and the last one is converted, or prepared for
    what TensorFlow serves: a layer of the user's may not survive it. The check of stages ends after
    one of the user's own, whose result is unknown before it runs.

    Raises:
        JobError: If a stage cannot run; the error's ``stage`` is its index. If the calibration
            data cannot be used, it is the number of stages.
    """
    progress("loading the model")
    start = begin(job.steps[0])
    result: Trainable | None = start
    choices: list[LayerChoice | None] = []
    for index, step in enumerate(job.steps):
        try:
            outlook = _check(step, start, progress)
            is_last = index == len(job.steps) - 1
            if outlook.result and (is_last or outlook.result is not start):
                loaded = _try_result(outlook.result, step, progress)
                if is_last:
                    _try_ending(loaded, job.ending, progress)
        except JobError as error:
            raise JobError(error.cause, error.hint, index) from error
        choices.append(outlook.choice)
        result = outlook.result
        if result is None:
            break
        start = result
    if job.calibration is not None:
        progress("checking the calibration data")
        _check_calibration(job.calibration, result, len(job.steps))
    return Preflight(layer_choices=tuple(choices))


def _check_calibration(source: Source, start: Trainable | None, stage: int) -> None:
    """Check that a sample can be read, and that it fits the model if that is known."""
    try:
        sample = open_data(source).head(1)
        if start is not None:
            check_inputs(start.model, source, sample)
    except JobError as error:
        raise JobError(error.cause, error.hint, stage) from error


def _check(step: BuildJob, start: Trainable, progress: Progress) -> Outlook:
    kind = step.stage.kind
    progress(f"checking {kind}")
    outlook = preflight_stage(step, start)
    if outlook.choice and (why := outlook.choice.why_skipped()):
        progress(f"skipped by {kind}: {why}")
    return outlook


def _try_result(result: Trainable, step: BuildJob, progress: Progress) -> Model:
    progress(f"saving and loading the result of {step.stage.kind}")
    with tempfile.TemporaryDirectory() as folder:
        with user_code(f"saving the model {result.model.name}"):
            save(result, Path(folder))
        return load(Path(folder), trust_code=step.trust_code).model


def _try_ending(model: Model, ending: BuildJob | None, progress: Progress) -> None:
    if ending is None:
        progress("converting it")
        tf_converter.convert(model)
    elif isinstance(ending.stage, KerasFile):
        progress("moving it back")
        in_original_keras(model, ending)
    else:
        progress("tracing it")
        serving_function(model)

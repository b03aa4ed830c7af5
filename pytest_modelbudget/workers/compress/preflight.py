"""Checks what a recipe trains before any training, which can take hours."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pytest_modelbudget.budgetfile.stages import KerasFile, Quantize
from pytest_modelbudget.budgetfile.types import Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob, Preflight, PreflightJob
from pytest_modelbudget.protocol.layer_choice import LayerChoice
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.compress.convert import litert_quantizer, tf_converter
from pytest_modelbudget.workers.compress.export.back_to_keras3 import in_original_keras
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.models.serving import serving_function
from pytest_modelbudget.workers.compress.models.sources import keras_layers
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.stages import preflight_stage
from pytest_modelbudget.workers.compress.training.feeding import check_inputs
from pytest_modelbudget.workers.compress.training.trainable import Trainable, begin, load, save
from pytest_modelbudget.workers.userdata.datasets import open_data
from pytest_modelbudget.workers.userdata.usercode import user_code


def preflight(job: PreflightJob, progress: Progress) -> Preflight:
    """Check each stage, in order, on the model that it will get.

    The result of each stage is saved and loaded, and the last one is converted, quantized on one
    sample, or prepared for what TensorFlow serves: a layer of the user's may not survive it. The
    check of stages ends after one of the user's own, whose result is unknown before it runs.

    Raises:
        JobError: If a stage cannot run; the error's ``stage`` is its index. If the calibration
            data cannot be used, or no ending works, it is the number of stages.
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
                if is_last and not job.endings:
                    progress("converting it")
                    tf_converter.convert(loaded)
        except JobError as error:
            raise JobError(error.cause, error.hint, index) from error
        choices.append(outlook.choice)
        result = outlook.result
        if result is None:
            break
        start = result
    try:
        # Endings that calibrate do so with the same data.
        read = [each.data.calibration for each in job.endings if each.data.calibration]
        if read:
            progress("checking the calibration data")
            _check_calibration(read[0], result)
        if job.endings and result:
            _try_endings(loaded, job.endings, progress)
    except JobError as error:
        raise JobError(error.cause, error.hint, len(job.steps)) from error
    return Preflight(layer_choices=tuple(choices))


def _check_calibration(source: Source, start: Trainable | None) -> None:
    """Check that a sample can be read, and that it fits the model if that is known."""
    sample = open_data(source).head(1)
    if start is not None:
        check_inputs(start.model, source, sample)


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


def _try_endings(model: Model, endings: Sequence[BuildJob], progress: Progress) -> None:
    """Try one step after the other until one works.

    Raises:
        JobError: If none does: the cause of the first, and that of the second if it is another.
    """
    first, *others = endings
    try:
        _try_ending(model, first, progress)
    except JobError as error:
        if not others:
            raise
        try:
            _try_endings(model, others, progress)
        except JobError as other:
            if other.cause == error.cause:
                raise error from other
            raise JobError(f"{error}\nwith backend: converter: {other}") from other


def _try_ending(model: Model, ending: BuildJob, progress: Progress) -> None:
    stage = ending.stage
    if isinstance(stage, Quantize):
        progress("quantizing it")
        _try_quantizer(model, stage, ending)
    elif isinstance(stage, KerasFile):
        progress("moving it back")
        in_original_keras(model, ending)
    else:
        progress("tracing it")
        serving_function(model)


def _try_quantizer(model: Model, stage: Quantize, ending: BuildJob) -> None:
    if stage.backend == "converter":
        tf_converter.quantize(model, stage, ending.data, at_most=1)
        return
    converted, layers = tf_converter.convert(model), keras_layers(model)
    litert_quantizer.quantize(converted, layers, stage, ending.data, at_most=1)

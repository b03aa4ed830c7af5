"""Builds one step of a recipe: applies its stage, verifies a ``.tflite``, takes the sizes."""

import time
from pathlib import Path

from pytest_modelbudget.budgetfile.stages import Quantize, ServedStage
from pytest_modelbudget.judge.results.artifact_forms import Part
from pytest_modelbudget.judge.results.quantization import Quantization
from pytest_modelbudget.protocol.build_jobs import BuildJob, Built
from pytest_modelbudget.protocol.digests import files_below
from pytest_modelbudget.protocol.layer_choice import LayerChoice
from pytest_modelbudget.protocol.task import RESULT, Progress
from pytest_modelbudget.workers.compress.convert.loops import why_not_converter
from pytest_modelbudget.workers.compress.models.formats import (
    KERAS_MODEL,
    QUANTIZED_MODEL,
    SAVED_MODEL,
)
from pytest_modelbudget.workers.compress.stages import run_stage
from pytest_modelbudget.workers.compress.verify import promises
from pytest_modelbudget.workers.compress.verify.artifact import verify_artifact
from pytest_modelbudget.workers.contents.archive import gzip_bytes
from pytest_modelbudget.workers.tflite import tflite_file
from pytest_modelbudget.workers.tflite.float_weights import find_float_weights
from pytest_modelbudget.workers.tflite.layers import KerasLayers

_MODELS = (tflite_file.MODEL, SAVED_MODEL, KERAS_MODEL, QUANTIZED_MODEL)


def build_artifact(job: BuildJob, output: Path, progress: Progress) -> Built:
    """Build a step, and describe the artifact.

    Args:
        job: The step; the folder ``job.parent`` has the ``result.json`` of the step before it.
        output: The folder for the artifact.
        progress: Called with each activity.

    Raises:
        JobError: If the model, the data or the stage's parameters do not allow it.
    """
    started = time.perf_counter()
    build(job, output, progress)
    seconds = time.perf_counter() - started
    parent = Built.model_validate_json((job.parent / RESULT).read_bytes()) if job.parent else None
    file = next(name for name in _MODELS if (output / name).exists())
    made = output / file
    files = files_below(made) if made.is_dir() else [made]
    return Built(
        file=file,
        size_bytes=sum(each.stat().st_size for each in files),
        gzip_bytes=gzip_bytes(made),
        seconds=seconds + (parent.seconds if parent else 0.0),
        layer_choices=_layer_choices(job, parent, output),
        parts=_parts(job, made),
        quantization=_quantization(job, parent, output),
    )


def build(job: BuildJob, output: Path, progress: Progress) -> None:
    """Write to ``output`` what ``job.stage`` makes of the step before it, or of the model.

    TensorFlow is imported only by the stages that need it; see ``stages``.

    Raises:
        JobError: If the model, the data or the stage's parameters do not allow it.
    """
    run_stage(job, output, progress)
    promises.carry(job, output)
    if (output / tflite_file.MODEL).exists():
        progress("verifying the .tflite")
        verify_artifact(job, output)


def _quantization(job: BuildJob, parent: Built | None, output: Path) -> Quantization | None:
    """Describe what this stage quantized; else return what one before it did."""
    if not isinstance(job.stage, Quantize):
        return parent.quantization if parent else None
    model = tflite_file.parse((output / tflite_file.MODEL).read_bytes())
    left = tuple(find_float_weights(model, KerasLayers.read(output), job.stage.scheme))
    if job.stage.backend == "converter":
        return Quantization(backend="converter", left_float=left)
    why = why_not_converter(model, job.stage.scheme) if left else ""
    return Quantization(backend="litert", left_float=left, rejected=why)


def _layer_choices(
    job: BuildJob, parent: Built | None, output: Path
) -> tuple[tuple[str, LayerChoice], ...]:
    """Add the choice of this stage to those before it, whose artifacts may be deleted earlier."""
    before = parent.layer_choices if parent else ()
    own = LayerChoice.read(output)
    return (*before, (job.stage.kind, own)) if own else before


def _parts(job: BuildJob, made: Path) -> tuple[Part, ...]:
    """Return where the bytes of an artifact are that TensorFlow serves."""
    if not isinstance(job.stage, ServedStage):
        return ()
    # Not at the top, because a ``.tflite`` does not need TensorFlow.
    from pytest_modelbudget.workers.compress.export.keras_file_parts import keras_file_parts
    from pytest_modelbudget.workers.compress.export.saved_model_parts import saved_model_parts

    return saved_model_parts(made) if made.is_dir() else keras_file_parts(made)

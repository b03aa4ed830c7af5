"""Post-training quantization, by the LiteRT quantizer or by TensorFlow's converter."""

import os
from importlib import import_module
from pathlib import Path

from pytest_modelbudget.budgetfile.stages import LayerSelection, Quantize
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import BuildJob, Progress
from pytest_modelbudget.workers.compress.models.formats import is_tflite
from pytest_modelbudget.workers.compress.stages.apply_convert import load_model
from pytest_modelbudget.workers.tflite import tflite_file
from pytest_modelbudget.workers.tflite.layers import KerasLayers

Quantized = tuple[bytes, KerasLayers | None]


def run(job: BuildJob, output: Path, progress: Progress) -> None:
    """Quantize the ``.tflite`` in ``job.parent``, or with ``backend: converter`` ``job.model``.

    Raises:
        JobError: The parameters do not go together, or the data does not fit the model.
    """
    stage = job.stage
    assert isinstance(stage, Quantize)
    _check_io(stage)
    if stage.backend == "litert":
        quantized, layers = _with_litert(job, stage, progress)
    else:
        quantized, layers = _with_converter(job, stage, progress)
    if layers is not None:
        layers.write(output)
    (output / tflite_file.MODEL).write_bytes(quantized)


def _with_litert(job: BuildJob, stage: Quantize, progress: Progress) -> Quantized:
    assert job.parent is not None, "the plan puts a conversion before it"
    os.environ["TQDM_DISABLE"] = "1"  # the quantizer's progress bars would fill the log
    # Not at the top: only this backend pays for the import.
    quantizer = import_module("pytest_modelbudget.workers.compress.convert.litert_quantizer")
    progress(f"quantizing to {stage.scheme}")
    model = (job.parent / tflite_file.MODEL).read_bytes()
    layers = KerasLayers.read(job.parent)
    return quantizer.quantize(model, layers, stage, job.data), layers


def _with_converter(job: BuildJob, stage: Quantize, progress: Progress) -> Quantized:
    hint = "use backend: litert"
    if is_tflite(job.model):
        raise JobError(f"backend: converter cannot read {job.model.path}", hint)
    if stage.layers != LayerSelection():
        raise JobError("backend: converter quantizes whole models, not single layers", hint)
    if stage.scheme == "int4" or (stage.scheme == "int16x8" and stage.io != "float32"):
        raise JobError(f"backend: converter has no {stage.scheme} with io: {stage.io}", hint)
    # Not at the top: it imports TensorFlow, which the other backend does without.
    sources = import_module("pytest_modelbudget.workers.compress.models.sources")
    converter = import_module("pytest_modelbudget.workers.compress.convert.tf_converter")
    progress("loading the model")
    model = load_model(job)
    progress(f"quantizing to {stage.scheme}")
    layers = sources.keras_layers(model) if sources.is_keras(model) else None
    return converter.quantize(model, stage, job.data), layers


def _check_io(stage: Quantize) -> None:
    if stage.io != "float32" and stage.scheme not in ("int8", "int16x8"):
        raise JobError(
            f"io: {stage.io} needs integer activations, but scheme {stage.scheme} "
            "quantizes weights only",
            "use scheme: int8, or io: float32",
        )
    if stage.io == "uint8" and stage.scheme == "int16x8":
        raise JobError(
            "LiteRT has no kernel from io: uint8 to the int16 activations of int16x8",
            "use io: int8 or float32",
        )

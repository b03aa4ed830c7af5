"""Post-training quantization, by the LiteRT quantizer or by TensorFlow's converter."""

import os
from pathlib import Path

from pytest_modelbudget.budgetfile.stages import Quantize
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.tflite import tflite_file
from pytest_modelbudget.workers.tflite.layers import KerasLayers

Quantized = tuple[bytes, KerasLayers | None]
"""A ``.tflite``, and the Keras layers that it was made from, where they are known."""


def run(stage: Quantize, job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.tflite"``, quantized.

    The LiteRT quantizer starts from the ``.tflite`` in ``job.parent``, TensorFlow's converter
    from the Keras model or SavedModel.

    Raises:
        JobError: If the model cannot be loaded or quantized, or the data does not fit it.
    """
    with_converter = stage.backend == "converter"  # the plan replaces auto by one of the others
    quantize = _with_converter if with_converter else _with_litert
    quantized, layers = quantize(stage, job, progress)
    if layers is not None:
        layers.write(output)
    (output / tflite_file.MODEL).write_bytes(quantized)


def _with_litert(stage: Quantize, job: BuildJob, progress: Progress) -> Quantized:
    assert job.parent is not None, "the plan puts a conversion before it"
    os.environ["TQDM_DISABLE"] = "1"  # The quantizer's progress bars would fill the log.
    # Not at the top, because only this backend needs the import.
    from pytest_modelbudget.workers.compress.convert import litert_quantizer

    progress(f"quantizing to {stage.scheme}")
    model = (job.parent / tflite_file.MODEL).read_bytes()
    layers = KerasLayers.read(job.parent)
    return litert_quantizer.quantize(model, layers, stage, job.data), layers


def _with_converter(stage: Quantize, job: BuildJob, progress: Progress) -> Quantized:
    # Not at the top: they import TensorFlow, which the other backend does not need.
    from pytest_modelbudget.workers.compress.convert import tf_converter
    from pytest_modelbudget.workers.compress.models import sources

    progress("loading the model")
    model = sources.load_current(job)
    progress(f"quantizing to {stage.scheme}")
    layers = sources.keras_layers(model) if sources.is_keras(model) else None
    return tf_converter.quantize(model, stage, job.data), layers

"""Conversion of a model in any form to a ``.tflite``, or of a ``.tflite`` to a sparse one.

The result is float32, or integer after quantization-aware training.
"""

from pathlib import Path

from pytest_modelbudget.budgetfile.stages import Convert, QuantizeAware
from pytest_modelbudget.budgetfile.stages.stage import is_tflite
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.compress.convert.sparse_encoding import encode_sparse
from pytest_modelbudget.workers.compress.models.given_tflite import read_tflite
from pytest_modelbudget.workers.compress.verify.sparse_outputs import verify_sparse_outputs
from pytest_modelbudget.workers.tflite import tflite_file
from pytest_modelbudget.workers.tflite.layers import KerasLayers


def run(stage: Convert, job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.tflite"``; a ``.tflite`` of the user's is copied.

    Raises:
        JobError: If the model is damaged or cannot be loaded, has an operator that LiteRT lacks, or
            would be sparse and cannot be, or is not smaller so.
    """
    if stage.sparse:
        _write_sparse(job, output, progress)
    elif is_tflite(job.model):
        (output / tflite_file.MODEL).write_bytes(read_tflite(job.model.path, job.signature))
    else:
        _write_converted(job, output, progress)


def _write_converted(job: BuildJob, output: Path, progress: Progress) -> None:
    # Not at the top, because a ``.tflite`` does not need TensorFlow.
    from pytest_modelbudget.workers.compress.convert import tf_converter
    from pytest_modelbudget.workers.compress.models import sources

    progress("loading the model")
    if job.parent and any(isinstance(earlier, QuantizeAware) for earlier in job.before):
        from pytest_modelbudget.workers.compress.training import qat

        model, convert = qat.load_quantized(job.parent), qat.convert_quantized
    else:
        model, convert = sources.load_current(job), tf_converter.convert
    progress("converting")
    (output / tflite_file.MODEL).write_bytes(convert(model))
    if sources.is_keras(model):
        sources.keras_layers(model).write(output)


def _write_sparse(job: BuildJob, output: Path, progress: Progress) -> None:
    assert job.parent is not None, "the plan puts it after the stage that writes the .tflite"
    dense = (job.parent / tflite_file.MODEL).read_bytes()
    progress("encoding sparse tensors")
    sparse = encode_sparse(dense)
    progress("comparing with the dense model")
    verify_sparse_outputs(dense, sparse)
    (output / tflite_file.MODEL).write_bytes(sparse)
    if layers := KerasLayers.read(job.parent):
        layers.write(output)

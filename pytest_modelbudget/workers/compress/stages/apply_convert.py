"""From a model in any supported form to a ``.tflite``: float32, or quantized in training.

With ``sparse``, from that ``.tflite`` to one in sparse encoding.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from pytest_modelbudget.budgetfile.stages import Convert
from pytest_modelbudget.protocol.jobs import BuildJob, Progress
from pytest_modelbudget.workers.compress.convert.sparse_encoding import encode_sparse
from pytest_modelbudget.workers.compress.models import formats
from pytest_modelbudget.workers.compress.models.formats import is_tflite
from pytest_modelbudget.workers.tflite import tflite_file
from pytest_modelbudget.workers.tflite.layers import KerasLayers
from pytest_modelbudget.workers.tflite.same_outputs import require_same_outputs


def run(job: BuildJob, output: Path, progress: Progress) -> None:
    """Convert what the stages before it made; a ``.tflite`` is checked and kept as it is.

    Raises:
        JobError: The model cannot be loaded or has an operator that LiteRT lacks; or it was to
            be sparse, and cannot be, or is not smaller so.
    """
    stage = job.stage
    assert isinstance(stage, Convert)
    if stage.sparse:
        _write_sparse(job, output, progress)
        return
    if is_tflite(job.model):
        path = job.model.path
        formats.require(path, formats.starts_with(path, formats.TFLITE, offset=4), "a .tflite")
        (output / tflite_file.MODEL).write_bytes(path.read_bytes())
        return
    # Not at the top: a ``.tflite`` is handled without TensorFlow.
    sources = import_module("pytest_modelbudget.workers.compress.models.sources")
    tf_converter = import_module("pytest_modelbudget.workers.compress.convert.tf_converter")
    progress("loading the model")
    if job.parent and any(stage.kind == "quantize_aware" for stage in job.before):
        qat = import_module("pytest_modelbudget.workers.compress.training.qat")
        model, convert = qat.load_quantized(job.parent), qat.convert_quantized
    else:
        model, convert = load_model(job), tf_converter.convert
    progress("converting")
    (output / tflite_file.MODEL).write_bytes(convert(model))
    if sources.is_keras(model):
        sources.keras_layers(model).write(output)


def _write_sparse(job: BuildJob, output: Path, progress: Progress) -> None:
    assert job.parent is not None, "the plan puts it behind all that writes a .tflite"
    dense = (job.parent / tflite_file.MODEL).read_bytes()
    progress("encoding sparse tensors")
    sparse = encode_sparse(dense)
    progress("comparing with the dense model")
    require_same_outputs(dense, sparse, "sparse encoding")
    (output / tflite_file.MODEL).write_bytes(sparse)
    if layers := KerasLayers.read(job.parent):
        layers.write(output)


def load_model(job: BuildJob) -> Any:
    """Load what the stage before made, or else the model that the budget names."""
    if job.parent:
        return import_module("pytest_modelbudget.workers.compress.training.fine_tuning").load(job)
    return import_module("pytest_modelbudget.workers.compress.models.sources").load_model(
        job.model, job.seed
    )

"""Writes the artifact as a SavedModel, with what a server needs."""

from pathlib import Path
from typing import Any

from pytest_modelbudget.budgetfile.stages import SavedModel
from pytest_modelbudget.budgetfile.stages.saved_model import SERVING_DEFAULT
from pytest_modelbudget.budgetfile.types import FileSource
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.compress.export.saved_model_writer import (
    copy_extra_assets,
    write_saved_model,
)
from pytest_modelbudget.workers.compress.export.stored_weights import (
    Copies,
    has_unread_variables,
    with_own_weights,
)
from pytest_modelbudget.workers.compress.models import sources
from pytest_modelbudget.workers.compress.models.formats import SAVED_MODEL
from pytest_modelbudget.workers.compress.models.gpu_kernels import tracing_for_any_machine
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.models.serving import serving_function
from pytest_modelbudget.workers.compress.verify.keras_promises import verify_keras_promises
from pytest_modelbudget.workers.compress.verify.served import verify_served

_REPORT = "leave the layer out of {stage} with layers: skip, or report it with the log"


@tracing_for_any_machine()
def run(stage: SavedModel, job: BuildJob, output: Path, progress: Progress) -> None:
    """Write the folder ``output / "model.saved_model"``.

    Raises:
        JobError: If the model cannot be loaded or written, lacks a signature, or computes
            something else afterwards.
    """
    progress("loading the model")
    model, functions, _owner = _signatures(stage, job)
    verify_keras_promises(model, job, "in the SavedModel", _REPORT)
    progress("writing the SavedModel")
    is_rounded = stage.weights == "float16"
    written, copies = dict(functions), Copies()
    for key, function in functions.items():
        if is_rounded or ("optimizer" in stage.strip and has_unread_variables(function)):
            written[key] = with_own_weights(function, copies, float16=is_rounded)
    folder = output / SAVED_MODEL
    write_saved_model(stage, model, written, folder)
    if stage.assets == "keep" and job.parent is None and isinstance(job.model, FileSource):
        copy_extra_assets(job.model.path, folder)
    progress("comparing with the model")
    verify_served(functions, folder, is_rounded=is_rounded)


def _signatures(stage: SavedModel, job: BuildJob) -> tuple[Model, dict[str, Any], Any]:
    """Return the model, the concrete function of each signature, and the owner of its variables."""
    is_folder = isinstance(job.model, FileSource) and job.model.path.is_dir()
    if job.parent is None and isinstance(job.model, FileSource) and is_folder:
        model = sources.load_saved_model(job.model.path, stage.signatures)
    else:
        model = sources.load_current(job)
    if not sources.is_keras(model):
        return model, {key: model.signatures[key] for key in stage.signatures}, model
    for key in stage.signatures:
        if key != SERVING_DEFAULT:
            cause = f"the Keras model has no signature {key}, only this: {SERVING_DEFAULT}"
            raise JobError(cause, f"write signatures: [{SERVING_DEFAULT}], or name a SavedModel")
    function, owner = serving_function(model)
    return model, {SERVING_DEFAULT: function}, owner

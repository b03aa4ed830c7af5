"""Writes the artifact as a ``.keras`` file, with what inference needs."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pytest_modelbudget.budgetfile.stages import KerasFile
from pytest_modelbudget.budgetfile.types import FileSource
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.compress.export.back_to_keras3 import in_original_keras
from pytest_modelbudget.workers.compress.export.keras_file_writer import rewrite_keras_file
from pytest_modelbudget.workers.compress.models import sources
from pytest_modelbudget.workers.compress.models.formats import KERAS_MODEL
from pytest_modelbudget.workers.compress.models.keras_files import load_stage
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.models.serving import serving_function
from pytest_modelbudget.workers.compress.verify.keras_promises import verify_keras_promises
from pytest_modelbudget.workers.compress.verify.served import verify_function
from pytest_modelbudget.workers.userdata.usercode import user_code

_REPORT = "leave the layer out of {stage} with layers: skip, or report it with the log"


def run(stage: KerasFile, job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.keras"``.

    Raises:
        JobError: If the model is not a Keras model, cannot be loaded or saved, or computes
            something else afterwards.
    """
    progress("loading the model")
    model = sources.load_current(job)
    if not sources.is_keras(model):
        cause = f"{job.model} is a SavedModel or a subclassed model, not layers of Keras"
        raise JobError(cause, "end the recipe in saved_model")
    verify_keras_promises(model, job, "in the .keras file", _REPORT)
    made = in_original_keras(model, job)
    progress("writing the .keras file")
    with TemporaryDirectory() as folder:
        rewrite_keras_file(stage, _saved(made, job, Path(folder)), output / KERAS_MODEL)
    progress("comparing with the model")
    written = load_stage(output / KERAS_MODEL, trust_code=job.trust_code)
    expected, found = serving_function(model)[0], serving_function(written)[0]
    verify_function(expected, found, "the .keras file")


def _saved(model: Model, job: BuildJob, folder: Path) -> Path:
    """Return a ``.keras`` file of a model: the user's own, if no stage came before."""
    own = job.model.path if isinstance(job.model, FileSource) and not job.parent else None
    if own and own.suffix.lower() == ".keras":
        return own
    path = folder / KERAS_MODEL
    with user_code(f"saving the model {model.name}"):
        model.save(path)
    return path

"""Models that can be trained: loaded, moved to tf_keras, and saved for the next stage."""

from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
import tf_keras

from pytest_modelbudget.budgetfile.stages.stage import is_tflite
from pytest_modelbudget.budgetfile.types import Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.workers.compress.keras3 import to_tf_keras
from pytest_modelbudget.workers.compress.models.compiled import Compiled
from pytest_modelbudget.workers.compress.models.formats import KERAS_MODEL
from pytest_modelbudget.workers.compress.models.keras_files import load_stage
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.models.sources import is_keras, load_model

_HINT = "name a Keras model, or use only stages that do not train, such as quantize"


@dataclass(frozen=True)
class Trainable:
    """A model, and what is needed to train it.

    Attributes:
        model: A functional or Sequential tf_keras model.
        compiled: The loss and the optimizer that the user compiled the model with, or the model
            that it was made from; None if that was not compiled.
    """

    model: Model
    compiled: Compiled | None


def begin(job: BuildJob) -> Trainable:
    """Make the process deterministic, and return what the stage of a job starts from.

    Raises:
        JobError: If the model cannot be loaded, or cannot be moved to tf_keras.
    """
    tf.config.experimental.enable_op_determinism()
    tf_keras.utils.set_random_seed(job.seed)
    if job.parent is None:
        return from_source(job.model, job)
    return load(job.parent, trust_code=job.trust_code)


def from_source(source: Source, job: BuildJob) -> Trainable:
    """Load a model of the user's, and move it to tf_keras.

    Args:
        source: The callable or the file of the model.
        job: The job that needs it, for the seed and whether code in files is trusted.

    Raises:
        JobError: If the model cannot be loaded, has no layers to work on, or cannot be moved to
            tf_keras.
    """
    if is_tflite(source):
        raise JobError(f"{source} is a .tflite, which cannot be trained", _HINT)
    model = load_model(source, job.seed, trust_code=job.trust_code, signature=job.signature)
    if not is_keras(model):
        raise JobError(
            f"{source} is a SavedModel or a subclassed model: its layers cannot be changed",
            "name a functional or Sequential Keras model",
        )
    return Trainable(to_tf_keras(model), Compiled.of(model, source))


def load(folder: Path, *, trust_code: bool = False) -> Trainable:
    """Load what ``save`` wrote to ``folder``.

    Args:
        folder: The result of an earlier stage.
        trust_code: Whether Python code in the user's own file may run.

    Raises:
        JobError: If tf_keras cannot load the model.
    """
    model = load_stage(folder / KERAS_MODEL, trust_code=trust_code)
    return Trainable(model, Compiled.read(folder))


def save(trained: Trainable, output: Path) -> None:
    """Write a model, and what it was compiled with, to the folder ``output``."""
    trained.model.compile()  # Drops the optimizer's variables, which would triple the file.
    trained.model.save(output / KERAS_MODEL)
    if trained.compiled is not None:
        trained.compiled.write(output)

"""Verifies the promises of earlier stages in a Keras model."""

from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.training.selections import walk
from pytest_modelbudget.workers.compress.verify.promises import StoredKernel, read_promises


def verify_keras_promises(model: Model, job: BuildJob, where: str, hint: str) -> None:
    """Verify that the layers of earlier stages that still exist have kept their zeros and values.

    Args:
        model: A tf_keras model.
        job: The step that made it; the stages before left their promises in ``job.parent``.
        where: The place of a broken promise, for the error message.
        hint: What to do about it; ``{stage}`` stands for the stage that made the promise.

    Raises:
        JobError: If a promise is broken.
    """
    promises = read_promises(job.parent)
    layers = dict(walk(model)) if promises else {}
    for promise in promises:
        for weight in getattr(layers.get(promise.layer), "weights", ()):
            if tuple(weight.shape) == promise.shape:
                kernel = StoredKernel.of_keras(promise.layer, weight.numpy())
                promise.verify(kernel, where, hint.format(stage=promise.stage))

"""What all stages that train have in common: the model, its data, and fine-tuning it."""

import math
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import BuildJob, Progress
from pytest_modelbudget.workers.compress.keras3 import to_tf_keras
from pytest_modelbudget.workers.compress.models.compiled import Compiled, compile_arguments
from pytest_modelbudget.workers.compress.models.formats import is_tflite
from pytest_modelbudget.workers.compress.models.keras_files import load_keras
from pytest_modelbudget.workers.compress.models.sources import Model, is_keras, load_model
from pytest_modelbudget.workers.compress.training.batch_norm import settle_batch_norm
from pytest_modelbudget.workers.compress.training.training_set import (
    Steps,
    first_batch,
    open_training_set,
    plan_steps,
)
from pytest_modelbudget.workers.userdata.datasets import Arrays, Batch, named_inputs

__all__ = ["Steps", "carry_compiled", "check", "fit", "load", "plan_steps", "save"]

MODEL = "model.keras"
UNSTABLE = "lower training.learning_rate, or look for extreme values in data.train"


def load(job: BuildJob) -> Model:
    """Load the model that a stage starts from: its parent's, or ``job.model``.

    From here on the process is deterministic: it is seeded, and TensorFlow uses only
    deterministic kernels.

    Returns:
        A functional or Sequential tf_keras model that carries what it was compiled with.

    Raises:
        JobError: It cannot be loaded, is no such model, or cannot be moved into tf_keras.
    """
    tf.config.experimental.enable_op_determinism()
    tf_keras.utils.set_random_seed(job.seed)
    if job.parent is not None:
        model, compiled = load_keras(job.parent / MODEL), Compiled.read(job.parent)
    else:
        found = _load_source(job)
        compiled = Compiled.of(found, job.model)
        model = to_tf_keras(found)
    model.modelbudget_compiled = compiled
    return model


def save(model: Model, output: Path) -> None:
    """Write ``model.keras``, and what the model was compiled with, to the folder ``output``."""
    model.compile()  # drops the optimizer's variables, which would triple the file
    model.save(output / MODEL)
    compiled = _compiled(model)
    if compiled is not None:
        compiled.write(output)


def carry_compiled(source_model: Model, new_model: Model) -> None:
    """Let ``new_model`` be trained with what ``source_model`` was compiled with."""
    new_model.modelbudget_compiled = _compiled(source_model)


def fit(
    model: Model,
    job: BuildJob,
    epochs: int,
    progress: Progress,
    *,
    callbacks: Sequence[Any] = (),
    learning_rate: float | None = None,
) -> None:
    """Train a model on ``job.data.train``; the same job gives the same weights.

    Args:
        model: A functional or Sequential tf_keras model, as ``load`` gives it, or one that
            ``carry_compiled`` was called on.
        job: Its data, training settings and seed.
        epochs: Passes over the training set.
        progress: Told each epoch, with its loss.
        callbacks: Further Keras callbacks.
        learning_rate: Instead of the one in ``job.training`` or the model's own.

    Raises:
        JobError: There is no loss, the data does not fit, or the loss is no longer finite.
    """
    _compile(model, job, learning_rate)
    steps = plan_steps(job, epochs)
    tf_keras.utils.set_random_seed(job.seed)
    failures: list[JobError] = []
    try:
        model.fit(
            _feed(model, job, steps, failures),
            epochs=epochs,
            steps_per_epoch=steps.steps_per_epoch,
            callbacks=[_Watch(steps, progress), *callbacks],
            verbose=0,
        )
    except (ValueError, TypeError, tf.errors.OpError) as error:  # how Keras refuses y and loss
        traceback.print_exc()
        hint = "see whether the loss fits data.train and the model's outputs; the log has it all"
        raise JobError(f"training failed: {_reason(error)}", hint) from error
    one_pass = (x for x, _ in _feed(model, job, plan_steps(job, epochs=1), failures))
    settle_batch_norm(model, one_pass)
    if failures:
        raise failures[0]


def check(model: Model, job: BuildJob) -> None:
    """Refuse what ``fit`` would before its first step, by the first batch of the data alone.

    Args:
        model: As for ``fit``.
        job: Likewise.

    Raises:
        JobError: There is no loss, nothing to train, or the batch is not whole or does not fit.
    """
    _compile(model, job, None)
    _check_inputs(model, job, first_batch(job))


def _compile(model: Model, job: BuildJob, learning_rate: float | None) -> None:
    model.compile(**compile_arguments(_compiled(model), job.training, learning_rate))
    if not model.trainable_weights:
        hint = "set layer.trainable = True where it should train"
        raise JobError(f"the model {model.name} cannot be trained: all its layers are frozen", hint)


def _check_inputs(model: Model, job: BuildJob, batch: Batch) -> None:
    try:
        _inputs(model, batch.x)
    except JobError as error:
        raise JobError(f"{job.data.train}: {error.cause}", error.hint) from error


def _feed(
    model: Model, job: BuildJob, steps: Steps, failures: list[JobError]
) -> Iterator[tuple[Any, Arrays | None]]:
    """Return an iterator over the batches of all epochs, arranged as the model takes them.

    Data that does not fit is refused at once. What stops it half-way is added to ``failures``:
    TensorFlow would make an error of its own of it.
    """
    training_set = open_training_set(job)
    _check_inputs(model, job, training_set.dataset.head(1))

    def batches() -> Iterator[tuple[Any, Arrays | None]]:
        try:
            for batch in training_set.batches(steps, job.seed):
                yield _inputs(model, batch.x), batch.y
        except JobError as error:
            failures.append(error)

    return batches()


def _load_source(job: BuildJob) -> Model:
    hint = "name a Keras model, or use only stages that do not train, such as quantize"
    if is_tflite(job.model):
        raise JobError(f"{job.model} is a .tflite, which cannot be trained", hint)
    model = load_model(job.model, job.seed)
    if not is_keras(model):
        raise JobError(
            f"{job.model} is a SavedModel or a subclassed model: its layers cannot be changed",
            "name a functional or Sequential Keras model",
        )
    return model


def _compiled(model: Model) -> Compiled | None:
    return getattr(model, "modelbudget_compiled", None)


def _inputs(model: Model, x: Arrays) -> Any:
    """Arrange arrays as the model takes them."""
    shapes = {
        name: tuple(size or -1 for size in tensor.shape)
        for name, tensor in zip(model.input_names, model.inputs, strict=True)
    }
    return tf.nest.pack_sequence_as(model.input, list(named_inputs(x, shapes).values()))


def _reason(error: Exception) -> str:
    """Find the one telling line: TensorFlow puts its graph before it, and node names behind."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(("[[", "["))]
    return telling[-1] if telling else type(error).__name__


class _Watch(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """Tells the progress, and stops when the loss or a weight is no longer finite."""

    def __init__(self, steps: Steps, progress: Progress) -> None:
        super().__init__()
        self._steps = steps
        self._progress = progress
        self._epoch = ""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 (Keras names it)
        self._epoch = f"epoch {epoch + 1}/{self._steps.epochs}"
        self._progress(self._epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not math.isfinite(logs["loss"]):
            raise JobError(
                f"the loss became {logs['loss']} in {self._epoch}, "
                f"step {batch + 1}/{self._steps.steps_per_epoch}",
                UNSTABLE,
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 (Keras names it)
        # A loss may stay finite when weights do not: oneDNN's relu makes 0 of NaN.
        for weight in self.model.weights:
            if weight.dtype.is_floating and not np.isfinite(weight.numpy()).all():
                cause = f"the weights {weight.name} are not finite any more after {self._epoch}"
                raise JobError(cause, UNSTABLE)
        self._progress(f"{self._epoch}, loss {logs['loss']:.4g}")

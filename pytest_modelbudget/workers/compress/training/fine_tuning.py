"""Trains a model on ``data.train``, always in the same way for the same job."""

import math
import re
import traceback
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.compress.models.compiling import compile_arguments
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.training.batch_norm import update_batch_norm
from pytest_modelbudget.workers.compress.training.feeding import check_inputs, feed
from pytest_modelbudget.workers.compress.training.streams import (
    check_batch_size,
    from_initial_state,
)
from pytest_modelbudget.workers.compress.training.trainable import Trainable
from pytest_modelbudget.workers.compress.training.training_set import (
    TrainingSteps,
    first_batch,
    plan_steps,
)

_GENTLER = 10  # times than the usual learning rate
_UNSTABLE = "lower training.learning_rate, or look for extreme values in data.train"


def fit(
    start: Trainable,
    job: BuildJob,
    epochs: int,
    progress: Progress,
    *,
    callbacks: Sequence[Any] = (),
    learning_rate: float | None = None,
) -> None:
    """Train a model on ``job.data.train``; the same job gives the same weights.

    Args:
        start: The model, whose weights change, and what it was compiled with.
        job: The data, the training settings and the seed.
        epochs: The passes over the training set.
        progress: Called with each epoch and its loss.
        callbacks: Further Keras callbacks.
        learning_rate: Used instead of the one in ``job.training`` or the model's own.

    Raises:
        JobError: If there is no loss, the data does not fit, or the loss or a weight becomes NaN
            or infinity.
    """
    _compile(start, job, learning_rate)
    _build_optimizer(start.model)
    steps = plan_steps(job, epochs)
    tf_keras.utils.set_random_seed(job.seed)
    failures: list[JobError] = []
    try:
        with from_initial_state(start.model):
            start.model.fit(
                feed(start.model, job, steps, failures),
                epochs=epochs,
                steps_per_epoch=steps.steps_per_epoch,
                callbacks=[_Watch(steps, progress), *callbacks],
                verbose=0,
            )
    except (ValueError, TypeError, tf.errors.OpError) as error:  # Keras refuses y and loss so.
        traceback.print_exc()
        hint = "check that the loss fits the labels and the model's outputs; see the log"
        raise JobError(f"training failed: {_reason(error)}", hint) from error
    one_pass = (x for x, _ in feed(start.model, job, plan_steps(job, epochs=1), failures))
    with from_initial_state(start.model):
        update_batch_norm(start.model, one_pass)
    if failures:
        raise failures[0]


def gentle_rate(start: Trainable, job: BuildJob) -> float:
    """Return a tenth of the usual learning rate, for weights that must stay near what they are."""
    usual = compile_arguments(start.compiled, job.training, None)["optimizer"].learning_rate
    return float(usual) / _GENTLER


def check(start: Trainable, job: BuildJob) -> None:
    """Check what ``fit`` needs, reading only the first batch of the data.

    Args:
        start: As for ``fit``.
        job: As for ``fit``.

    Raises:
        JobError: If there is no loss or nothing to train, or if the batch is not whole or does
            not fit the model.
    """
    _compile(start, job, None)
    check_batch_size(start.model, job)
    check_inputs(start.model, job.data.train, first_batch(job))


def _compile(start: Trainable, job: BuildJob, learning_rate: float | None) -> None:
    model = start.model
    model.compile(**compile_arguments(start.compiled, job.training, learning_rate))
    if not model.trainable_weights:
        hint = "set trainable = True on the layers to train"
        raise JobError(f"the model {model.name} cannot be trained: no layer is trainable", hint)


def _build_optimizer(model: Model) -> None:
    """Make the variables of the optimizer: TensorFlow traces a step that makes some twice."""
    # Optimizers that tf_keras had before 2.11 cannot.
    if isinstance(model.optimizer, tf_keras.optimizers.Optimizer):
        model.optimizer.build(model.trainable_variables)


def _reason(error: Exception) -> str:
    """Return the line that names the cause: TensorFlow prints its graph before it, nodes after."""
    lines = [line.strip() for line in str(error).splitlines()]
    causes = [line for line in lines if line and not line.startswith(("[[", "["))]
    return re.sub(r"^\w+Error: ", "", causes[-1]) if causes else type(error).__name__


class _Watch(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """Reports the progress, and stops when the loss or a weight becomes NaN or infinity."""

    def __init__(self, steps: TrainingSteps, progress: Progress) -> None:
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
                _UNSTABLE,
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 (Keras names it)
        # The loss may stay finite when weights do not: oneDNN's relu turns NaN into 0.
        for weight in self.model.weights:
            if weight.dtype.is_floating and not np.isfinite(weight.numpy()).all():
                cause = f"the weights {weight.name} contain NaN or infinity after {self._epoch}"
                raise JobError(cause, _UNSTABLE)
        self._progress(f"{self._epoch}, loss {logs['loss']:.4g}")

"""Feeds the batches of the training set to a model, arranged as the model takes them."""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from pytest_modelbudget.budgetfile.types import Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.training.training_set import (
    TrainingSteps,
    open_training_set,
)
from pytest_modelbudget.workers.userdata.datasets import Arrays, Batch, named_inputs

Samples = tuple[Any, Arrays | None]
"""The inputs of one batch in the structure that the model takes, and the labels."""


def feed(
    model: Model, job: BuildJob, steps: TrainingSteps, failures: list[JobError]
) -> Iterator[Samples]:
    """Return an iterator over the batches of all epochs.

    Args:
        model: A functional or Sequential tf_keras model.
        job: The training set and the seed of its order.
        steps: The length of the training.
        failures: Gets the error that ends the iterator too early: TensorFlow would replace an
            exception by one of its own.

    Raises:
        JobError: If the first sample does not fit the model.
    """
    training_set = open_training_set(job)
    check_inputs(model, job.data.train, training_set.dataset.head(1))

    def batches() -> Iterator[Samples]:
        try:
            for batch in training_set.batches(steps, job.seed):
                yield _arrange(model, batch.x), batch.y
        except JobError as error:
            failures.append(error)

    return batches()


def check_inputs(model: Model, source: Source | None, batch: Batch) -> None:
    """Check that a batch of the data ``source`` fits the inputs of a model.

    Raises:
        JobError: If it does not fit; the error names the data.
    """
    try:
        _arrange(model, batch.x)
    except JobError as error:
        raise JobError(f"{source}: {error.cause}", error.hint) from error


def _arrange(model: Model, x: Arrays) -> Any:
    shapes = {
        name: tuple(size or -1 for size in tensor.shape)
        for name, tensor in zip(model.input_names, model.inputs, strict=True)
    }
    return tf.nest.pack_sequence_as(model.input, list(named_inputs(x, shapes).values()))

"""The samples that a stage trains on: how many steps they make, and in which order they come."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from pytest_modelbudget.budgetfile.types import Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import BuildJob
from pytest_modelbudget.workers.userdata.datasets import Array, Arrays, Batch, Dataset, open_data

BATCH_SIZE = 32  # unless ``training.batch_size`` says otherwise
SHUFFLED_BYTES = 256 * 2**20  # as many samples as fit are shuffled among each other
_SOURCE: TypeAdapter[Source] = TypeAdapter(Source)


@dataclass(frozen=True)
class Steps:
    """What a training really comes to; samples that do not fill a batch are left out.

    Attributes:
        samples: In the training set.
        batch_size: Samples of each step.
        steps_per_epoch: Whole batches in the training set.
        epochs: Passes over the training set.
    """

    samples: int
    batch_size: int
    steps_per_epoch: int
    epochs: int

    @property
    def total(self) -> int:
        """Steps of the whole training."""
        return self.steps_per_epoch * self.epochs


@dataclass(frozen=True)
class TrainingSet:
    """All of ``data.train``, counted."""

    dataset: Dataset
    samples: int
    sample_bytes: int

    def batches(self, steps: Steps, seed: int) -> Iterator[Batch]:
        """Yield the batches of all epochs, each epoch in another order, the same for a seed.

        Raises:
            JobError: The data cannot be read, or there is less of it than at first.
        """
        random = np.random.default_rng(seed)
        # A whole number of batches, so that only the last window has samples left over.
        in_window = max(1, SHUFFLED_BYTES // self.sample_bytes // steps.batch_size)
        window = min(in_window * steps.batch_size, steps.samples)
        for _ in range(steps.epochs):
            taken = 0
            for batch in islice(self._shuffled(window, steps, random), steps.steps_per_epoch):
                taken += 1
                yield batch
            if taken < steps.steps_per_epoch:
                raise JobError(
                    f"data.train has {steps.samples} samples in the first pass, fewer in a later",
                    "give the same samples in every pass",
                )

    def _shuffled(self, window: int, steps: Steps, random: np.random.Generator) -> Iterator[Batch]:
        for samples in self.dataset.batches(window):
            order = random.permutation(len(samples))
            for start in range(0, len(samples) - steps.batch_size + 1, steps.batch_size):
                yield _pick(samples, order[start : start + steps.batch_size])


def open_training_set(job: BuildJob) -> TrainingSet:
    """Open ``job.data.train``, and read it once to count it.

    Raises:
        JobError: It is unusable, or has no labels.
    """
    assert job.data.train is not None, "the reader refuses a stage that trains without data.train"
    return _opened(_SOURCE.dump_json(job.data.train))


def plan_steps(job: BuildJob, epochs: int) -> Steps:
    """Return the steps that a training of ``epochs`` will take.

    Raises:
        JobError: The training set is unusable, or smaller than one batch.
    """
    samples = open_training_set(job).samples
    batch_size = _batch_size(job, samples)
    return Steps(samples, batch_size, samples // batch_size, epochs)


def first_batch(job: BuildJob) -> Batch:
    """Return the first batch of ``job.data.train``, and read no further.

    Raises:
        JobError: The training set is unusable so far, has no labels, or is smaller than one batch.
    """
    assert job.data.train is not None, "the reader refuses a stage that trains without data.train"
    batch = _head(_SOURCE.dump_json(job.data.train), job.training.batch_size or BATCH_SIZE)
    _batch_size(job, len(batch))
    return batch


def _batch_size(job: BuildJob, samples: int) -> int:
    size = job.training.batch_size or BATCH_SIZE
    if samples < size:
        raise JobError(
            f"{job.data.train} has {samples} samples, less than one batch of {size}",
            f"give more samples, or training.batch_size: {samples}",
        )
    return size


# Each stage of a preflight asks for it: the user's code runs only once for all.
@lru_cache(maxsize=1)
def _head(source_json: bytes, size: int) -> Batch:
    source = _SOURCE.validate_json(source_json)
    batch = open_data(source).head(size)
    _require_labels(source, batch)
    return batch


# A stage asks for its steps before it trains: the user's code runs only once for both.
@lru_cache(maxsize=1)
def _opened(source_json: bytes) -> TrainingSet:
    source = _SOURCE.validate_json(source_json)
    dataset = open_data(source)
    samples = size_bytes = 0
    for batch in dataset.batches(BATCH_SIZE):
        _require_labels(source, batch)
        samples += len(batch)
        size_bytes += sum(array.nbytes for array in batch.named().values())
    return TrainingSet(dataset, samples, max(1, size_bytes // samples))


def _require_labels(source: Source, batch: Batch) -> None:
    if batch.y is None:
        raise JobError(f"{source} gives no labels to train on", "return (x, y)")


def _pick(samples: Batch, rows: NDArray[np.intp]) -> Batch:
    return Batch(_rows(samples.x, rows), None if samples.y is None else _rows(samples.y, rows))


def _rows(arrays: Arrays, rows: NDArray[np.intp]) -> Arrays:
    if isinstance(arrays, dict):
        return {name: array[rows] for name, array in arrays.items()}
    picked: Array = arrays[rows]
    return picked

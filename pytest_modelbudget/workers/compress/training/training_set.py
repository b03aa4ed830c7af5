"""The training set: its batches in a random order, and the number of steps that they make."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from pytest_modelbudget.budgetfile.types import Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.workers.userdata.datasets import Array, Arrays, Batch, Dataset, open_data

BATCH_SIZE = 32  # without ``training.batch_size``
SHUFFLED_BYTES = 256 * 2**20  # Samples are shuffled in windows of this size.
_SOURCE: TypeAdapter[Source] = TypeAdapter(Source)


@dataclass(frozen=True)
class TrainingSteps:
    """The length of a training. Samples that do not fill a batch are not used.

    Attributes:
        samples: The samples in the training set.
        batch_size: The samples of each step.
        steps_per_epoch: The whole batches in the training set.
        epochs: The passes over the training set.
    """

    samples: int
    batch_size: int
    steps_per_epoch: int
    epochs: int

    @property
    def total(self) -> int:
        """The steps of the whole training."""
        return self.steps_per_epoch * self.epochs


@dataclass(frozen=True)
class TrainingSet:
    """The samples of ``data.train``, after they were read once and counted."""

    dataset: Dataset
    samples: int
    sample_bytes: int

    def batches(self, steps: TrainingSteps, seed: int) -> Iterator[Batch]:
        """Yield the batches of all epochs, each epoch in another order that depends on the seed.

        Raises:
            JobError: If the data cannot be read, or has fewer samples than in the first pass.
        """
        random = np.random.default_rng(seed)
        # A window is a whole number of batches, so that only the last one has samples left over.
        in_window = max(1, SHUFFLED_BYTES // self.sample_bytes // steps.batch_size)
        window = min(in_window * steps.batch_size, steps.samples)
        for _ in range(steps.epochs):
            count = 0
            for batch in islice(self._shuffled(window, steps, random), steps.steps_per_epoch):
                count += 1
                yield batch
            if count < steps.steps_per_epoch:
                raise JobError(
                    f"data.train has {steps.samples} samples in the first pass, "
                    "but fewer in a later one",
                    "return the same samples in every pass",
                )

    def _shuffled(
        self, window: int, steps: TrainingSteps, random: np.random.Generator
    ) -> Iterator[Batch]:
        for samples in self.dataset.batches(window):
            order = random.permutation(len(samples))
            for start in range(0, len(samples) - steps.batch_size + 1, steps.batch_size):
                yield _pick(samples, order[start : start + steps.batch_size])


def open_training_set(job: BuildJob) -> TrainingSet:
    """Open ``job.data.train``, and read it once to count the samples.

    Raises:
        JobError: If the data cannot be used, or has no labels.
    """
    return _opened(_source_json(job))


def plan_steps(job: BuildJob, epochs: int) -> TrainingSteps:
    """Return the length of a training of ``epochs``.

    Raises:
        JobError: If the training set cannot be used, or is smaller than one batch.
    """
    samples = open_training_set(job).samples
    batch_size = _batch_size(job, samples)
    return TrainingSteps(samples, batch_size, samples // batch_size, epochs)


def first_batch(job: BuildJob) -> Batch:
    """Return the first batch of ``job.data.train``, without reading more.

    Raises:
        JobError: If the batch cannot be used, has no labels, or is not whole.
    """
    batch = _head(_source_json(job), job.training.batch_size or BATCH_SIZE)
    _batch_size(job, len(batch))
    return batch


def _source_json(job: BuildJob) -> bytes:
    """Return ``job.data.train`` as JSON, by which the samples are cached."""
    assert job.data.train is not None, "a stage that trains without data.train is an error earlier"
    return _SOURCE.dump_json(job.data.train)


def _batch_size(job: BuildJob, samples: int) -> int:
    size = job.training.batch_size or BATCH_SIZE
    if samples < size:
        raise JobError(
            f"{job.data.train} has {samples} samples, fewer than one batch of {size}",
            f"add samples, or set training.batch_size: {samples}",
        )
    return size


# Cached because each stage of a preflight check reads it: the user's code runs only once.
@lru_cache(maxsize=1)
def _head(source_json: bytes, size: int) -> Batch:
    source = _SOURCE.validate_json(source_json)
    batch = open_data(source).head(size)
    _require_labels(source, batch)
    return batch


# Cached because a stage reads its steps before it trains: the user's code runs only once.
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
        raise JobError(f"{source} has no labels to train with", "return (x, y)")


def _pick(samples: Batch, rows: NDArray[np.intp]) -> Batch:
    return Batch(_rows(samples.x, rows), None if samples.y is None else _rows(samples.y, rows))


def _rows(arrays: Arrays, rows: NDArray[np.intp]) -> Arrays:
    if isinstance(arrays, dict):
        return {name: array[rows] for name, array in arrays.items()}
    picked: Array = arrays[rows]
    return picked

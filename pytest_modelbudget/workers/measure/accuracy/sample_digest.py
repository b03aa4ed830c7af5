"""Digests of all samples of a data set, to notice data that changes from call to call."""

import hashlib
from collections.abc import Iterable, Iterator
from math import prod

import numpy as np

from pytest_modelbudget.judge.results.scores import SamplesRead
from pytest_modelbudget.protocol.score_jobs import ReadJob
from pytest_modelbudget.workers.userdata.batches import TEXT
from pytest_modelbudget.workers.userdata.datasets import Array, Batch, open_data

_BATCH = 256


class SampleDigest:
    """Two digests of all samples, whatever their batches: in their order, and in any order."""

    def __init__(self) -> None:
        self._ordered = hashlib.sha256()
        self._sum = 0

    def reading(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield ``batches`` and add them to the digests."""
        for batch in batches:
            arrays = sorted(batch.named().items())
            kind = str([(name, _kind(array), array.shape[1:]) for name, array in arrays])
            start = hashlib.sha256(kind.encode())
            for values in zip(*(_rows(array) for _, array in arrays), strict=True):
                sample = start.copy()
                for value in values:
                    sample.update(value)
                digest = sample.digest()
                self._ordered.update(digest)
                self._sum += int.from_bytes(digest)
            yield batch

    def in_order(self) -> str:
        """Return the digest of the samples in their order."""
        return self._ordered.hexdigest()

    def in_any_order(self) -> str:
        """Return the digest of the samples, which is the same in any order."""
        return hashlib.sha256(str(self._sum).encode()).hexdigest()


def _kind(array: Array) -> str:
    """Return the dtype; that of text says how long the longest one of a batch is."""
    return "text" if array.dtype.kind in TEXT else str(array.dtype)


def _rows(array: Array) -> Iterable[bytes | Array]:
    """Return the bytes of each sample, as uint8 of shape (n, bytes) where they are numbers."""
    if array.dtype.kind in TEXT:
        return (repr(row.tolist()).encode() for row in array)
    flat = np.ascontiguousarray(array).reshape(len(array), prod(array.shape[1:]))
    return flat.view(np.uint8)


def read_samples(job: ReadJob) -> SamplesRead:
    """Read a data set once.

    Raises:
        JobError: If the data cannot be used.
    """
    digest = SampleDigest()
    for _ in digest.reading(open_data(job.read).batches(_BATCH)):
        pass
    return SamplesRead(sample_set=digest.in_any_order())


def draw_anew() -> None:
    """Seed NumPy's global generator as in a new process.

    The fork server has imported NumPy, so a draw without a seed would be the same in all workers.
    """
    np.random.seed()

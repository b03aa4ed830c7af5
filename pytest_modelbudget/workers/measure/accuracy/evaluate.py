"""Scores a ``.tflite`` on a data set."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results import Score
from pytest_modelbudget.protocol.jobs import EvaluateJob, Progress
from pytest_modelbudget.workers.measure.accuracy.metrics import Columns, scorer_of
from pytest_modelbudget.workers.measure.accuracy.parallel import Parallel
from pytest_modelbudget.workers.measure.accuracy.per_sample import Outcomes, read_outcomes
from pytest_modelbudget.workers.tflite.interpreter import Interpreter
from pytest_modelbudget.workers.tflite.tensors import TensorDetails
from pytest_modelbudget.workers.userdata.datasets import (
    Array,
    Batch,
    Dataset,
    named_inputs,
    open_data,
)

_INPUT_BYTES = 2**19  # of one batch: what fits the processor's cache runs fastest
_LARGEST_BATCH = 1024
_PROGRESS_EVERY_S = 0.5


def evaluate(
    job: EvaluateJob, output: Path, progress: Progress, threads: int | None = None
) -> Score:
    """Compute a metric over all samples, a batch at a time.

    Args:
        job: What to evaluate.
        output: A folder, where the outcome of every sample is left for comparisons.
        progress: Told how far it is.
        threads: How many cores to use; by default, all.

    Raises:
        JobError: The model, the data or the metric cannot be used, or do not fit together,
            or an output has NaN or infinity.
    """
    started = time.perf_counter()
    scorer = scorer_of(job.metric)

    def work(interpreter: Interpreter, batch: Batch) -> _Scored:
        if batch.y is None:
            raise JobError(f"{job.data}: has no y", f"give y: {job.metric} needs it")
        shapes = {name: tensor.shape for name, tensor in interpreter.inputs.items()}
        outputs = interpreter.run(named_inputs(batch.x, shapes))
        infinite = _infinite(outputs)
        y_pred = outputs if len(outputs) > 1 else next(iter(outputs.values()))
        return _Scored(len(batch), infinite, {} if infinite else scorer.keep(batch.y, y_pred))

    parallel = Parallel(job.model, work, threads)
    seen, finite = _Digest(), _FiniteCheck()
    batches = seen.passing(_batches(open_data(job.data), parallel.inputs))
    with Outcomes(output) as outcomes:
        for scored in _told(parallel.map(batches), progress):
            if finite.update(scored):
                outcomes.append(scored.kept)
    finite.check()
    return Score(
        value=scorer.value(read_outcomes(output)),
        samples=finite.samples,
        seconds=time.perf_counter() - started,
        invoke_s=parallel.invoke_s,
        threads=parallel.threads,
        data=seen.hexdigest(),
    )


@dataclass(frozen=True)
class _Scored:
    """A batch: how long it is, its samples with a bad output, and what is kept if none is bad."""

    samples: int
    infinite: Mapping[str, Array]
    kept: Columns


def _batches(dataset: Dataset, inputs: Mapping[str, TensorDetails]) -> Iterator[Batch]:
    sample_bytes = 4 * sum(int(np.prod(np.abs(tensor.shape[1:]))) for tensor in inputs.values())
    return dataset.batches(min(max(_INPUT_BYTES // sample_bytes, 1), _LARGEST_BATCH))


def _told(batches: Iterator[_Scored], progress: Progress) -> Iterator[_Scored]:
    samples, told = 0, time.monotonic()
    for batch in batches:
        yield batch
        samples += batch.samples
        if time.monotonic() - told > _PROGRESS_EVERY_S:
            told = time.monotonic()
            progress(f"evaluated {samples} samples")


class _Digest:
    """Digests samples as they pass; how they are cut into batches does not matter."""

    def __init__(self) -> None:
        self._arrays: dict[str, hashlib._Hash] = {}

    def passing(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            for name, array in batch.named().items():
                found = self._arrays.setdefault(name, hashlib.sha256(str(array.dtype).encode()))
                found.update(np.ascontiguousarray(array).data)
            yield batch

    def hexdigest(self) -> str:
        parts = [f"{name}={found.hexdigest()}" for name, found in sorted(self._arrays.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _infinite(outputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return, for each output that has any, the samples with NaN or infinity."""
    # min() and max() pass NaN on and need no temporary array.
    return {
        name: np.flatnonzero(~np.isfinite(output).reshape(len(output), -1).all(axis=1))
        for name, output in outputs.items()
        if not (np.isfinite(output.min()) and np.isfinite(output.max()))
    }


class _FiniteCheck:
    """Counts samples with NaN or infinity, so that the message can tell of all of them."""

    def __init__(self) -> None:
        self.samples = 0
        self._bad: dict[str, list[int]] = {}

    def update(self, batch: _Scored) -> bool:
        """Take in a batch, and say whether nothing bad has been seen so far."""
        for name, rows in batch.infinite.items():
            self._bad.setdefault(name, []).extend(map(int, self.samples + rows))
        self.samples += batch.samples
        return not self._bad

    def check(self) -> None:
        for name, samples in self._bad.items():
            raise JobError(
                f"the model's output {name} has NaN or infinity in {len(samples)} of "
                f"{self.samples} samples (first: sample {samples[0]})",
                "look for an overflow in float16, or for a range that calibration missed",
            )

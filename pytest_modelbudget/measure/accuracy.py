"""Scores a ``.tflite`` on a data set."""

import os
import time
from collections.abc import Iterator

import numpy as np

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.jobs import EvaluateJob, Progress, Score
from pytest_modelbudget.measure.interpreter import Interpreter
from pytest_modelbudget.measure.metrics import accumulator
from pytest_modelbudget.worker.data import Array, Batch, Dataset, named_inputs, open_data

_INPUT_BYTES = 2**19  # of one batch: what fits the processor's cache runs fastest
_LARGEST_BATCH = 1024
_PROGRESS_EVERY_S = 0.5


def evaluate(job: EvaluateJob, progress: Progress) -> Score:
    """Compute a metric over all samples, a batch at a time.

    Raises:
        JobError: The model, the data or the metric cannot be used, or do not fit together,
            or an output has NaN or infinity.
    """
    started = time.perf_counter()
    interpreter = Interpreter(job.model, threads=len(os.sched_getaffinity(0)))
    metric = accumulator(job.metric)
    finite = _FiniteCheck()
    shapes = {name: tensor.shape for name, tensor in interpreter.inputs.items()}
    for batch in _told(_batches(open_data(job.data), interpreter), progress):
        if batch.y is None:
            raise JobError(f"{job.data}: has no y", f"give y: {job.metric} needs it")
        outputs = interpreter.run(named_inputs(batch.x, shapes))
        if finite.update(outputs):
            metric.update(batch.y, outputs if len(outputs) > 1 else next(iter(outputs.values())))
    finite.check()
    value = metric.result()
    seconds = time.perf_counter() - started
    return Score(
        value=value, samples=finite.samples, seconds=seconds, invoke_s=interpreter.invoke_s
    )


def _batches(dataset: Dataset, interpreter: Interpreter) -> Iterator[Batch]:
    sample_bytes = 4 * sum(
        int(np.prod(np.abs(tensor.shape[1:]))) for tensor in interpreter.inputs.values()
    )
    return dataset.batches(min(max(_INPUT_BYTES // sample_bytes, 1), _LARGEST_BATCH))


def _told(batches: Iterator[Batch], progress: Progress) -> Iterator[Batch]:
    samples, told = 0, time.monotonic()
    for batch in batches:
        yield batch
        samples += len(batch)
        if time.monotonic() - told > _PROGRESS_EVERY_S:
            told = time.monotonic()
            progress(f"evaluated {samples} samples")


class _FiniteCheck:
    """Counts samples with NaN or infinity, so that the message can tell of all of them."""

    def __init__(self) -> None:
        self.samples = 0
        self._bad: dict[str, list[int]] = {}

    def update(self, outputs: dict[str, Array]) -> bool:
        """Take in a batch, and say whether nothing bad has been seen so far."""
        for name, output in outputs.items():
            # min() and max() pass NaN on and need no temporary array.
            if not (np.isfinite(output.min()) and np.isfinite(output.max())):
                rows = ~np.isfinite(output).reshape(len(output), -1).all(axis=1)
                found = self.samples + np.flatnonzero(rows)
                self._bad.setdefault(name, []).extend(map(int, found))
        self.samples += len(next(iter(outputs.values())))
        return not self._bad

    def check(self) -> None:
        for name, samples in self._bad.items():
            raise JobError(
                f"the model's output {name} has NaN or infinity in {len(samples)} of "
                f"{self.samples} samples (first: sample {samples[0]})",
                "look for an overflow in float16, or for a range that calibration missed",
            )

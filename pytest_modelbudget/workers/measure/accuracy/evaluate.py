"""The score of a model on a data set."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.scores import ModelScore
from pytest_modelbudget.protocol.score_jobs import EvaluateJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.measure.accuracy.metrics import (
    Columns,
    read_output,
    scorer_of,
)
from pytest_modelbudget.workers.measure.accuracy.parallel import Parallel
from pytest_modelbudget.workers.measure.accuracy.per_sample import ColumnWriter, read_columns
from pytest_modelbudget.workers.measure.accuracy.sample_digest import SampleDigest
from pytest_modelbudget.workers.measure.runner import Runner, open_runner
from pytest_modelbudget.workers.tflite.tensors import TensorDetails
from pytest_modelbudget.workers.userdata.datasets import (
    Array,
    Batch,
    Dataset,
    named_inputs,
    open_data,
)

_INPUT_BYTES = 2**19  # of one batch; batches that fit the processor's cache run fastest
_LARGEST_BATCH = 1024
_PROGRESS_EVERY_S = 0.5


def evaluate(
    job: EvaluateJob, output: Path, progress: Progress, threads: int | None = None
) -> ModelScore:
    """Compute a metric over all samples, a batch at a time.

    Args:
        job: What to evaluate.
        output: The folder where the columns of each sample are stored for comparisons.
        progress: Called with the number of evaluated samples.
        threads: Number of interpreters of LiteRT that run at once; by default, one for each core.
            TensorFlow uses all cores itself.

    Raises:
        JobError: If the model, the data or the metric cannot be used, if they do not fit together,
            or if an output contains NaN or infinity.
    """
    started = time.perf_counter()
    scorer = scorer_of(job.metric)

    def work(runner: Runner, batch: Batch) -> _Scored:
        if batch.y is None:
            raise JobError(f"{job.data}: y is None", f"return labels as y: {job.metric} needs them")
        shapes = {name: tensor.shape for name, tensor in runner.inputs.items()}
        outputs = runner.run(named_inputs(batch.x, shapes))
        not_finite = _not_finite(outputs)
        kept = {} if not_finite else scorer.keep(*read_output(job.metric, batch.y, outputs))
        return _Scored(len(batch), not_finite, kept)

    first = open_runner(job.model, job.served, threads=1)
    parallel = Parallel(first, work, 1 if first.has_own_threads else threads)
    digest, finite = SampleDigest(), _FiniteCheck()
    batches = digest.reading(_batches(open_data(job.data), parallel.inputs))
    with ColumnWriter(output) as columns:
        for scored in _reported(parallel.map(batches), progress):
            if finite.update(scored):
                columns.append(scored.kept)
    finite.check()
    return ModelScore(
        value=scorer.value(read_columns(output)),
        samples=finite.samples,
        seconds=time.perf_counter() - started,
        invoke_s=parallel.invoke_s,
        threads=parallel.threads,
        data=digest.in_order(),
        sample_set=digest.in_any_order(),
    )


@dataclass(frozen=True)
class _Scored:
    """The result of one batch.

    Attributes:
        samples: Number of samples.
        not_finite: For each output with NaN or infinity, the rows of those samples.
        kept: The metric's columns; empty if an output is not finite.
    """

    samples: int
    not_finite: Mapping[str, Array]
    kept: Columns


def _batches(dataset: Dataset, inputs: Mapping[str, TensorDetails]) -> Iterator[Batch]:
    sample_bytes = 4 * sum(int(np.prod(np.abs(tensor.shape[1:]))) for tensor in inputs.values())
    return dataset.batches(min(max(_INPUT_BYTES // sample_bytes, 1), _LARGEST_BATCH))


def _reported(batches: Iterator[_Scored], progress: Progress) -> Iterator[_Scored]:
    samples, reported_s = 0, time.monotonic()
    for batch in batches:
        yield batch
        samples += batch.samples
        if time.monotonic() - reported_s > _PROGRESS_EVERY_S:
            reported_s = time.monotonic()
            progress(f"evaluated {samples} samples")


def _not_finite(outputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the rows with NaN or infinity, for each output that has any."""
    # min() and max() return NaN if there is one, and need no temporary array.
    return {
        name: np.flatnonzero(~np.isfinite(output).reshape(len(output), -1).all(axis=1))
        for name, output in outputs.items()
        if not (np.isfinite(output.min()) and np.isfinite(output.max()))
    }


class _FiniteCheck:
    """Counts all samples with NaN or infinity, for one message about all of them."""

    def __init__(self) -> None:
        self.samples = 0
        self._bad: dict[str, list[int]] = {}

    def update(self, batch: _Scored) -> bool:
        """Add a batch, and return whether all outputs were finite so far."""
        for name, rows in batch.not_finite.items():
            self._bad.setdefault(name, []).extend(map(int, self.samples + rows))
        self.samples += batch.samples
        return not self._bad

    def check(self) -> None:
        for name, samples in self._bad.items():
            raise JobError(
                f"the model's output {name} contains NaN or infinity in {len(samples)} of "
                f"{self.samples} samples (first: sample {samples[0]})",
                "check for float16 overflow, and that calibration data covers the range of inputs",
            )

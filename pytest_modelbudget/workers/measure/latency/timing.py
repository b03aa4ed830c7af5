"""The latency of single invocations of a model on this machine; see ``docs/latency.md``."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.latencies import LatencySample
from pytest_modelbudget.protocol.measurement_jobs import LatencyJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.measure.latency import host, stopping
from pytest_modelbudget.workers.measure.latency.filling import made_inputs
from pytest_modelbudget.workers.measure.latency.sampling import TimedModel, Timings, time_window
from pytest_modelbudget.workers.measure.runner import Runner, open_runner
from pytest_modelbudget.workers.userdata.datasets import Array


def measure_latency(job: LatencyJob, progress: Progress) -> LatencySample:
    """Time ``invoke()`` alone, one call at a time, on random inputs from a fixed seed.

    A model that takes text gets the first samples of the test data. For a ratio, both models run in
    this process, block by block in turn.

    Raises:
        JobError: If the model cannot be loaded or does not accept ``batch_size``, if there are no
            inputs of its types, or if ``threads`` is more than the cores.
    """
    if job.threads > host.cores():
        cause = f"latency.threads is {job.threads}, but only {host.cores()} cores are available"
        raise JobError(cause, f"write {host.cores()} or less")
    if job.served:
        # Not at the top, because a ``.tflite`` does not need TensorFlow.
        from pytest_modelbudget.workers.served.threads import use_threads

        use_threads(job.threads)
    runners = [_prepared(path, job) for path in (job.model, job.baseline) if path]
    with _no_garbage_collection():
        progress("warming up")
        models = [
            TimedModel(each.invoke, job.threads, has_own_threads=each.has_own_threads)
            for each in runners
        ]
        progress("timing invocations")
        cores = host.core_by_core()

        def take() -> list[Timings]:
            if job.threads == 1:
                next(cores)
            return time_window(models)

        windows, seconds = stopping.sample(take, job.bounds)
    own = [of[0] for of in windows]
    # A ratio compares within a window, so slow windows count too.
    counted = [window.seconds for window in own if window.seconds.size]
    kept = counted if job.baseline else stopping.steady(counted)
    return LatencySample(
        estimates={
            bound.statistic: stopping.estimate(windows, bound.statistic) for bound in job.bounds
        },
        invocations=sum(window.invocations for window in own),
        counted=sum(map(len, kept)),
        percentiles_s=_percentiles(kept),
        preempted=sum(window.preempted for window in own),
        windows=len(own),
        slow_windows=len(counted) - len(kept),
        warmup=models[0].warmup,
        seconds=seconds,
        confidence=stopping.CONFIDENCE,
        threads=job.threads,
        delegate=runners[0].delegate,
        cpu=host.cpu_model(),
        governor=host.governor(),
    )


def _percentiles(windows: Sequence[Array]) -> tuple[float, ...]:
    if not windows:
        return ()
    return tuple(np.percentile(np.concatenate(windows), range(101)).tolist())


def _prepared(path: Path, job: LatencyJob) -> Runner:
    runner = open_runner(path, job.served, job.threads)
    inputs = made_inputs(runner.inputs, job)
    runner.allocate(job.batch_size)
    runner.fill(inputs)
    return runner


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

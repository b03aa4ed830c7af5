"""Times single invocations of a ``.tflite`` on this machine."""

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from pytest_modelbudget.jobs import LatencyJob, LatencySample, Progress
from pytest_modelbudget.measure.interpreter import Interpreter
from pytest_modelbudget.measure.tensors import Tensor
from pytest_modelbudget.worker.data import Array

_BLOCK = 10  # invocations at least, and
_BLOCK_S = 0.01  # seconds at least, whose low quantile tells whether the model is warm
_STABLE = 0.03  # change of that quantile from one block to the next
_WARMUP_S = 0.5
_ENOUGH_S = 0.3
_ENOUGH = 100  # invocations, so that one lies above the 99th percentile
_FEWEST = 30
_LONGEST_S = 3.0


def measure_latency(job: LatencyJob, progress: Progress) -> LatencySample:
    """Time ``invoke()`` alone, one call at a time, on random inputs that are always the same.

    Raises:
        JobError: The model cannot be used, or does not take ``batch_size``.
    """
    interpreter = Interpreter(job.model, job.threads)
    interpreter.allocate(job.batch_size)
    generator = np.random.default_rng(0)
    interpreter.fill(
        {
            name: _random(tensor, job.batch_size, generator)
            for name, tensor in interpreter.inputs.items()
        }
    )
    with _no_garbage_collection():
        progress("warming up")
        warmup = _warm_up(interpreter)
        progress("timing invocations")
        seconds = _timed(interpreter, _is_enough)
    p50_s, p90_s, p99_s = np.quantile(seconds, [0.5, 0.9, 0.99]).tolist()
    return LatencySample(
        p50_s=p50_s,
        p90_s=p90_s,
        p99_s=p99_s,
        invocations=len(seconds),
        warmup=warmup,
        delegate=interpreter.delegate,
    )


def _random(tensor: Tensor, batch: int, generator: np.random.Generator) -> Array:
    shape = [batch, *(max(size, 1) for size in tensor.shape[1:])]
    if tensor.dtype.kind == "f":
        return generator.random(shape).astype(tensor.dtype)
    if tensor.scale:
        limits = np.iinfo(tensor.dtype)
        return generator.integers(limits.min, limits.max, shape, tensor.dtype, endpoint=True)
    # Plain integers are mostly indices into a table of unknown size; 0 and 1 are safe.
    return generator.integers(0, 2, shape).astype(tensor.dtype)


def _warm_up(interpreter: Interpreter) -> int:
    """Invoke until two blocks agree, and return how many invocations that took."""
    count, spent_s, before_s = 0, 0.0, math.inf
    while True:
        block = _timed(interpreter, _is_block)
        count += len(block)
        spent_s += sum(block)
        low_s = float(np.quantile(block, 0.2))
        if abs(before_s - low_s) <= _STABLE * low_s or spent_s >= _WARMUP_S:
            return count
        before_s = low_s


def _timed(interpreter: Interpreter, is_enough: Callable[[int, float], bool]) -> list[float]:
    """Invoke until ``is_enough(invocations, seconds)``, and return the seconds of each."""
    seconds: list[float] = []
    total_s = 0.0
    while not is_enough(len(seconds), total_s):
        started_ns = time.perf_counter_ns()
        interpreter.invoke()
        seconds.append((time.perf_counter_ns() - started_ns) / 1e9)
        total_s += seconds[-1]
    return seconds


def _is_block(count: int, total_s: float) -> bool:
    return (count >= _BLOCK and total_s >= _BLOCK_S) or total_s >= _WARMUP_S


def _is_enough(count: int, total_s: float) -> bool:
    if total_s >= _LONGEST_S:
        return count >= _FEWEST
    return total_s >= _ENOUGH_S and count >= _ENOUGH


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

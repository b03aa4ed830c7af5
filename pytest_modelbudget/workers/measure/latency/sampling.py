"""Timed blocks and windows of invocations, with wall time and CPU time."""

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_modelbudget.workers.userdata.datasets import Array

_BLOCK_S = 0.0003  # shorter than a time slice, so most blocks are not preempted on a busy machine
_LONG_S = 0.002  # invocations this long are almost always preempted on a busy machine
_WINDOW_S = 0.015  # duration of a window
_WINDOW = 4  # invocations in a window, unless they take longer than
_LONG_WINDOW_S = 0.1
_PREEMPTED = 1.05  # a higher quotient of wall and CPU time means that the thread was preempted

_WARM_BLOCK = 10  # a block of the warm-up has at least this many invocations
_WARM_BLOCK_S = 0.01  # and takes at least this long
_STABLE = 0.03  # largest relative change of the 20th percentile between blocks of a warm model
_WARMUP_S = 0.5  # longest warm-up


@dataclass(frozen=True)
class Timings:
    """The timed invocations of one model, in a block or a window.

    Attributes:
        seconds: Of each invocation that counts, float64 of shape (n,).
        invocations: Number of all invocations.
        preempted: Number of invocations in blocks during which the thread was preempted.
    """

    seconds: Array
    invocations: int
    preempted: int


class TimedModel:
    """One prepared model; creating it warms the model up.

    Attributes:
        warmup: Number of invocations of the warm-up.
    """

    warmup: int

    def __init__(
        self, invoke: Callable[[], None], threads: int, *, has_own_threads: bool = False
    ) -> None:
        """Warm up.

        Args:
            invoke: Runs the model once.
            threads: Number of threads that ``invoke`` uses.
            has_own_threads: Whether another thread than the one that calls it computes.
        """
        self._invoke = invoke
        self._threads = threads
        # The CPU time of the thread that calls lacks what a thread of TensorFlow computes for it.
        self._cpu_s = time.process_time if has_own_threads else time.thread_time
        self.warmup, low_s = _warm_up(invoke)
        self._block = max(1, round(_BLOCK_S / low_s))

    def block(self) -> Timings:
        """Time one block.

        If the thread was preempted, the block does not count. The exception is a long invocation
        on one thread: its CPU time counts, because too few of these run without preemption on a
        busy machine.
        """
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        started_s, started_cpu_s = time.perf_counter(), self._cpu_s()
        seconds = np.array([_time(self._invoke) for _ in range(self._block)])
        cpu_s, wall_s = self._cpu_s() - started_cpu_s, time.perf_counter() - started_s
        if self._threads == 1:
            preempted = wall_s > _PREEMPTED * cpu_s
        else:  # the CPU time of this thread does not include that of the others
            preempted = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw > switches
        if preempted:
            long = self._threads == self._block == 1 and cpu_s >= _LONG_S
            seconds = np.array([cpu_s] if long else [])
        return Timings(seconds, self._block, self._block if preempted else 0)


def time_window(models: Sequence[TimedModel]) -> list[Timings]:
    """Time one window of each model, block by block in turn.

    Before it, each model runs one block that does not count, which fills the caches.
    """
    for model in models:
        model.block()
    blocks: list[list[Timings]] = [[] for _ in models]
    started_s = time.perf_counter()
    while not _is_full(blocks, time.perf_counter() - started_s):
        for model, own in zip(models, blocks, strict=True):
            own.append(model.block())
    return [_joined(own) for own in blocks]


def _is_full(blocks: Sequence[Sequence[Timings]], spent_s: float) -> bool:
    fewest = min(sum(block.invocations for block in own) for own in blocks)
    each_s = spent_s / len(blocks)
    return fewest >= 1 and each_s >= (_WINDOW_S if fewest >= _WINDOW else _LONG_WINDOW_S)


def _joined(blocks: Sequence[Timings]) -> Timings:
    return Timings(
        np.concatenate([block.seconds for block in blocks]),
        sum(block.invocations for block in blocks),
        sum(block.preempted for block in blocks),
    )


def _time(invoke: Callable[[], None]) -> float:
    started_ns = time.perf_counter_ns()
    invoke()
    return (time.perf_counter_ns() - started_ns) / 1e9


def _warm_up(invoke: Callable[[], None]) -> tuple[int, float]:
    """Invoke until the 20th percentiles of two blocks agree.

    Returns:
        The number of invocations, and the 20th percentile of the last block in seconds.
    """
    count, spent_s, before_s = 0, 0.0, 0.0
    while True:
        block: list[float] = []
        while len(block) < _WARM_BLOCK or sum(block) < _WARM_BLOCK_S:
            block.append(_time(invoke))
            if spent_s + sum(block) >= _WARMUP_S:
                break
        count, spent_s = count + len(block), spent_s + sum(block)
        low_s = float(np.quantile(block, 0.2))
        if abs(before_s - low_s) <= _STABLE * low_s or spent_s >= _WARMUP_S:
            return count, low_s
        before_s = low_s

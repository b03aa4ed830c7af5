"""Blocks of invocations, in windows, with the clock beside the CPU time."""

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_modelbudget.workers.userdata.datasets import Array

_BLOCK_S = 0.0003  # shorter than a time slice, so that most blocks keep the CPU on a busy machine
_LONG_S = 0.002  # so long that it seldom fits into a time slice
_WINDOW_S = 0.015
_WINDOW = 4  # invocations, unless that takes more than
_LONG_WINDOW_S = 0.1
_LOST = 1.05  # wall over CPU time, above which the thread did not have the CPU

_WARM_BLOCK = 10  # invocations at least, and
_WARM_BLOCK_S = 0.01  # seconds at least, whose low quantile tells whether the model is warm
_STABLE = 0.03  # change of that quantile from one block to the next
_WARMUP_S = 0.5


@dataclass(frozen=True)
class Window:
    """What one window gave for one model.

    Attributes:
        seconds: Of each invocation that counts, float64 of shape (n,).
        taken: Invocations, those that do not count too.
        interrupted: Invocations in blocks that lost the CPU.
    """

    seconds: Array
    taken: int
    interrupted: int


class Subject:
    """One prepared model, warmed up when it is made.

    Attributes:
        warmup: Invocations that it took.
    """

    warmup: int

    def __init__(self, invoke: Callable[[], None], threads: int) -> None:
        """Warm up.

        Args:
            invoke: Runs the model once.
            threads: How many threads that uses.
        """
        self._invoke = invoke
        self._threads = threads
        self.warmup, low_s = _warm_up(invoke)
        self._block = max(1, round(_BLOCK_S / low_s))

    def block(self) -> Window:
        """Time one block.

        Of a long invocation on one thread that lost the CPU its CPU time counts: too few of them
        keep it on a busy machine. Other blocks that lost the CPU do not count.
        """
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        started_s, started_cpu_s = time.perf_counter(), time.thread_time()
        seconds = np.array([_time(self._invoke) for _ in range(self._block)])
        cpu_s, wall_s = time.thread_time() - started_cpu_s, time.perf_counter() - started_s
        if self._threads == 1:
            interrupted = wall_s > _LOST * cpu_s
        else:  # the CPU time of this thread says nothing about the others
            interrupted = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw > switches
        if interrupted:
            long = self._threads == self._block == 1 and cpu_s >= _LONG_S
            seconds = np.array([cpu_s] if long else [])
        return Window(seconds, self._block, self._block if interrupted else 0)


def take_window(subjects: Sequence[Subject]) -> list[Window]:
    """Take one window of each subject, block by block in turn, after a block each to wake up."""
    for subject in subjects:
        subject.block()
    blocks: list[list[Window]] = [[] for _ in subjects]
    started_s = time.perf_counter()
    while not _is_full(blocks, time.perf_counter() - started_s):
        for subject, own in zip(subjects, blocks, strict=True):
            own.append(subject.block())
    return [_joined(own) for own in blocks]


def _is_full(blocks: Sequence[Sequence[Window]], spent_s: float) -> bool:
    fewest = min(sum(block.taken for block in own) for own in blocks)
    each_s = spent_s / len(blocks)
    return fewest >= 1 and each_s >= (_WINDOW_S if fewest >= _WINDOW else _LONG_WINDOW_S)


def _joined(blocks: Sequence[Window]) -> Window:
    return Window(
        np.concatenate([block.seconds for block in blocks]),
        sum(block.taken for block in blocks),
        sum(block.interrupted for block in blocks),
    )


def _time(invoke: Callable[[], None]) -> float:
    started_ns = time.perf_counter_ns()
    invoke()
    return (time.perf_counter_ns() - started_ns) / 1e9


def _warm_up(invoke: Callable[[], None]) -> tuple[int, float]:
    """Invoke until two blocks agree; return the invocations and what a fast one takes."""
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

"""One model on all cores: one thread with a single-threaded interpreter for each core.

LiteRT releases the GIL during an invocation, so threads are as fast as processes
(``benchmarks/evaluation.py`` compares them), and need no pipes and no copies. Both are faster
than the threads of one interpreter, which synchronize at every operator.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from pytest_modelbudget.workers.measure.runner import Runner
from pytest_modelbudget.workers.tflite.tensors import TensorDetails

T = TypeVar("T")
R = TypeVar("R")


class Parallel(Generic[T, R]):
    """Processes items with several runners of one model.

    Args:
        first: Runs the model; its twins run in the other threads.
        work: Processes one item; called in several threads at once, each with its own runner.
        threads: Maximum number of threads; by default, the number of cores. A model that keeps its
            state runs in one, because each item continues from the one before.
    """

    def __init__(
        self, first: Runner, work: Callable[[Runner, T], R], threads: int | None = None
    ) -> None:
        self._work = work
        self._first = first
        cores = len(os.sched_getaffinity(0))
        self._threads = 1 if first.keeps_state else threads or cores
        self._all: list[Runner] = [first]
        self._idle: SimpleQueue[Runner] = SimpleQueue()
        self._idle.put(self._first)

    @property
    def inputs(self) -> dict[str, TensorDetails]:
        """The model's inputs by name."""
        return self._first.inputs

    @property
    def threads(self) -> int:
        """Number of runners used so far."""
        return len(self._all)

    @property
    def invoke_s(self) -> float:
        """Seconds spent in invocations so far, summed over all threads."""
        return sum(runner.invoke_s for runner in self._all)

    def map(self, items: Iterator[T]) -> Iterator[R]:
        """Yield the result of each item, in the order of the items.

        At most a few items for each thread are in memory. The first item is processed alone: it
        fixes the batch size of all runners, so results do not depend on their number.
        """
        for item in items:
            yield self._do(item)
            break
        pending: deque[Future[R]] = deque()
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                for item in items:
                    pending.append(pool.submit(self._do, item))
                    if len(pending) > 2 * self._threads:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _do(self, item: T) -> R:
        try:
            runner = self._idle.get_nowait()
        except Empty:
            runner = self._first.twin()
            self._all.append(runner)
        try:
            return self._work(runner, item)
        finally:
            self._idle.put(runner)

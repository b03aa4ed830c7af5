"""One model on all cores: one thread with a single-threaded interpreter for each core.

LiteRT releases the GIL during an invocation, so threads are as fast as processes
(``benchmarks/evaluation.py`` compares them), and need no pipes and no copies. Both are faster
than the threads of one interpreter, which synchronize at every operator.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from pytest_modelbudget.workers.tflite.interpreter import Interpreter
from pytest_modelbudget.workers.tflite.tensors import TensorDetails

T = TypeVar("T")
R = TypeVar("R")


class Parallel(Generic[T, R]):
    """Processes items with several interpreters of one model.

    Args:
        model: The ``.tflite``.
        work: Processes one item; called in several threads at once, each with its own
            interpreter.
        threads: Maximum number of threads; by default, the number of cores.
    """

    def __init__(
        self, model: Path, work: Callable[[Interpreter, T], R], threads: int | None = None
    ) -> None:
        self._threads = threads or len(os.sched_getaffinity(0))
        self._work = work
        self._first = Interpreter(model, threads=1)
        self._all: list[Interpreter] = [self._first]
        self._idle: SimpleQueue[Interpreter] = SimpleQueue()
        self._idle.put(self._first)

    @property
    def inputs(self) -> dict[str, TensorDetails]:
        """The model's inputs by name."""
        return self._first.inputs

    @property
    def threads(self) -> int:
        """Number of interpreters used so far."""
        return len(self._all)

    @property
    def invoke_s(self) -> float:
        """Seconds spent in invocations so far, summed over all threads."""
        return sum(interpreter.invoke_s for interpreter in self._all)

    def map(self, items: Iterator[T]) -> Iterator[R]:
        """Yield the result of each item, in the order of the items.

        At most a few items for each thread are in memory. The first item is processed alone: it
        fixes the batch size of all interpreters, so results do not depend on their number.
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
            interpreter = self._idle.get_nowait()
        except Empty:
            interpreter = self._first.twin()
            self._all.append(interpreter)
        try:
            return self._work(interpreter, item)
        finally:
            self._idle.put(interpreter)

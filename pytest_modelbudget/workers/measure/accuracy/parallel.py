"""One model on all cores: a thread and a single-threaded interpreter for each.

LiteRT lets go of the GIL while it invokes, so that threads are as fast here as processes
(``benchmarks/evaluation.py`` compares), and need no fork, no pipes and no copies. Both beat
the threads inside one interpreter, which wait for each other at every operator.
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
    """Works on items with interpreters of one model.

    Args:
        model: The ``.tflite``.
        work: What is done with an item; it runs in several threads at once, each with an
            interpreter of its own.
        threads: How many at most; by default, as many as there are cores.
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
        """The model's inputs, by name."""
        return self._first.inputs

    @property
    def threads(self) -> int:
        """How many interpreters were needed so far."""
        return len(self._all)

    @property
    def invoke_s(self) -> float:
        """Seconds spent in invocations so far, summed over all threads."""
        return sum(interpreter.invoke_s for interpreter in self._all)

    def map(self, items: Iterator[T]) -> Iterator[R]:
        """Yield the result of each item, in the order of the items.

        At any time a few items for each thread are held. The first is worked on alone: it
        settles the batch size of all interpreters, so that how many there are changes no result.
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

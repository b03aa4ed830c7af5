"""An event loop in a thread of its own, where work continues while the caller does other things."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
POLL_S = 0.25


class LoopThread:
    """An event loop in a thread of its own; it also works where another loop is running."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="modelbudget", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start ``work`` on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Stop the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def wait_for(future: "Future[T]", meanwhile: Callable[[], None]) -> T:
    """Wait for ``future``, and call ``meanwhile`` several times a second.

    Returns:
        The result of the future.
    """
    while True:
        try:
            return future.result(timeout=POLL_S)
        except TimeoutError:
            if future.done():  # the coroutine raised the TimeoutError itself
                return future.result()
            meanwhile()

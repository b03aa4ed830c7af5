"""Ends what hangs in this process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class HangError(BaseException):
    """Something did not end in time; no handler of ``Exception`` may catch it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise ``HangError`` in the body if it takes longer than ``seconds``."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

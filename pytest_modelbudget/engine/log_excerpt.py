"""The part of a task's log that shows why the task failed."""

import re
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest_modelbudget

LINES = 12
OUTER = 3  # of LINES, where the frames of a hanging thread do not fit
# What `faulthandler.dump_traceback_later` writes: the innermost frame of each thread first.
TIMEOUT = re.compile(r"Timeout \(\d+:\d\d:\d\d(\.\d+)?\)!")
FRAME = re.compile(r'  File "(.*)", line (\d+|\?\?\?) in ')
PACKAGE = f'File "{Path(pytest_modelbudget.__file__).parent}/'
LIBRARIES = (f'File "{sysconfig.get_path("stdlib")}/', "/site-packages/", "/dist-packages/")


def excerpt(log: str) -> list[str]:
    """Return the last lines of ``log``, or where the task hung if it reached its timeout.

    Of several threads it is the one that runs the user's code, or else the main thread.
    """
    lines = log.splitlines()
    timeouts = [number for number, line in enumerate(lines) if TIMEOUT.fullmatch(line)]
    threads = _threads(lines[timeouts[-1] + 1 :]) if timeouts else []
    if not threads:
        return lines[-LINES:]
    # A dump begins with the newest thread and ends with the main thread.
    hanging = next((each for each in reversed(threads) if _runs_user_code(each)), threads[-1])
    return ["it hung here, innermost call first:", *_shortened(hanging)]


def _threads(dump: Sequence[str]) -> list[list[str]]:
    """Return the frames of each thread, without the outer ones before it called the user's code."""
    threads: list[list[str]] = []
    for line in dump:
        if line.endswith("(most recent call first):"):
            threads.append([])
        elif threads and FRAME.match(line):
            threads[-1].append(line.strip())
    return [_called(frames) for frames in threads if frames]


def _called(frames: list[str]) -> list[str]:
    """Return the frames from the innermost one to the first one of this package."""
    ours = [number for number, frame in enumerate(frames) if frame.startswith(PACKAGE)]
    return frames[: ours[0] + 1] if ours else frames


def _runs_user_code(frames: Sequence[str]) -> bool:
    others = [frame for frame in frames if not frame.startswith(PACKAGE)]
    return any(
        frame.startswith('File "/') and not any(library in frame for library in LIBRARIES)
        for frame in others
    )


def _shortened(frames: list[str]) -> list[str]:
    if len(frames) <= LINES:
        return frames
    return [*frames[: LINES - OUTER - 1], "...", *frames[-OUTER:]]

"""Tells from the frames of a call whether the user's code is behind it."""

import os
from functools import cache
from pathlib import Path
from types import FrameType

from pytest_modelbudget.protocol.installed import is_installed

PACKAGE = f"{Path(__file__).parents[2]}/"
_RUN = str(Path(__file__).parents[1] / "run.py")


def is_for_the_user(frame: FrameType | None) -> bool:
    """Tell whether the user's code called what ``frame`` does, not the import of a library.

    A thread begins in the library that the user's code gave it to, such as an executor.
    """
    while frame and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back  # that noted it
    is_ours = False
    while frame:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib") or file == _RUN:
            return False
        if is_of_the_user(file):
            return True
        is_ours |= file.startswith(PACKAGE)
        frame = frame.f_back
    return not is_ours


@cache
def is_of_the_user(file: str) -> bool:
    """Tell whether the user wrote the code in ``file``."""
    return not file.startswith(("<frozen ", PACKAGE)) and not is_installed(os.path.dirname(file))


def importer(frame: FrameType | None) -> FrameType | None:
    """Return the frame of the import statement that ``frame`` works for."""
    while frame and frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame

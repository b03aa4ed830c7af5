"""Compares the outputs of two models that should compute the same."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

OutputKey = TypeVar("OutputKey")


def relative_difference(expected: ArrayLike, found: ArrayLike) -> float:
    """Return the largest difference between two arrays, relative to the largest value expected.

    Args:
        expected: Numbers of any shape.
        found: Likewise.

    Returns:
        0 if the arrays are equal. Infinity if their shapes differ, if NaN or infinities are not in
        the same places, or if ``expected`` is 0 everywhere and ``found`` is not.
    """
    wanted, got = np.asarray(expected, np.float64), np.asarray(found, np.float64)
    finite = np.isfinite(wanted)
    if wanted.shape != got.shape or not np.array_equal(wanted[~finite], got[~finite], True):
        return np.inf
    difference = np.abs(wanted[finite] - got[finite]).max(initial=0.0)
    largest = np.abs(wanted[finite]).max(initial=0.0)
    if np.isnan(difference) or (difference and not largest):
        return np.inf
    return float(difference / largest) if difference else 0.0


def first_difference(
    expected: Mapping[OutputKey, ArrayLike], found: Mapping[OutputKey, ArrayLike], tolerance: float
) -> tuple[OutputKey, float] | None:
    """Return the first output that differs, with its relative difference; None if none does.

    Args:
        expected: The outputs of the first model, by name or position.
        found: Those of the second.
        tolerance: The largest ``relative_difference`` that counts as rounding.
    """
    differences = ((key, relative_difference(expected[key], found[key])) for key in expected)
    return next((each for each in differences if each[1] > tolerance), None)

"""How far two outputs are apart."""

import numpy as np
from numpy.typing import ArrayLike


def relative_difference(expected: ArrayLike, found: ArrayLike) -> float:
    """Return the largest difference of two arrays, relative to the largest number expected.

    Infinity if they have other shapes, or numbers that are not finite in other places.
    """
    wanted, got = np.asarray(expected, np.float64), np.asarray(found, np.float64)
    finite = np.isfinite(wanted)
    if wanted.shape != got.shape or not np.array_equal(finite, np.isfinite(got)):
        return np.inf
    largest = np.abs(wanted[finite]).max(initial=0.0)
    return float(np.abs(wanted[finite] - got[finite]).max(initial=0.0) / (largest or 1.0))

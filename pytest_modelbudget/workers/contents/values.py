"""How sparse the values of a variable are, and how many differ."""

import numpy as np

from pytest_modelbudget.workers.userdata.datasets import Array

_NUMBERS = "fiu"


def sparsity(values: Array) -> float | None:
    """Return the share of zeros; None if there are no numbers."""
    is_known = values.dtype.kind in _NUMBERS and values.size
    return float(np.mean(values == 0)) if is_known else None


def unique(values: Array) -> int | None:
    """Return how many values differ; None if there are no numbers."""
    is_known = values.dtype.kind in _NUMBERS and values.size
    return len(np.unique(values)) if is_known else None

"""The digits of ``example_project``, enlarged to the 28x28 pixels that the tutorial's CNN takes.

Only numpy is imported here, so that measuring a model never waits for TensorFlow.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from example_project import data
from example_project.data import Images, Labels

SIZE_PX = 28
COPIES = 3  # of each training image, moved
MOVED_PX = 3  # at most, each way


def train() -> tuple[Images, Labels]:
    """Return the 997 training images, and three moved copies of each.

    Returns:
        3,988 images, float32 ``(n, 28, 28, 1)`` from 0 to 1, and labels, int64 ``(n,)``. No test
        image is among them.
    """
    x, y = data.train()
    x = _enlarged(x)
    random = np.random.default_rng(0)
    moved = [_moved(x, random) for _ in range(COPIES)]
    return np.concatenate([x, *moved]), np.tile(y, 1 + COPIES)


def test() -> tuple[Images, Labels]:
    """Return the 800 test images, as they are, and their labels, shaped as in ``train``."""
    x, y = data.test()
    return _enlarged(x), y


def _enlarged(x: Images) -> Images:
    """Interpolate linearly along both axes of the images."""
    size_px = x.shape[1]
    wanted = (np.arange(SIZE_PX, dtype=np.float32) + 0.5) * (size_px / SIZE_PX) - 0.5
    distance = np.abs(wanted.clip(0, size_px - 1)[:, None] - np.arange(size_px, dtype=np.float32))
    weights = np.maximum(0, 1 - distance)
    enlarged: Images = np.einsum("ij,kl,njlc->nikc", weights, weights, x, optimize=True)
    return enlarged


def _moved(x: Images, random: np.random.Generator) -> Images:
    padded = np.pad(x[..., 0], ((0, 0), (MOVED_PX, MOVED_PX), (MOVED_PX, MOVED_PX)))
    windows = sliding_window_view(padded, (SIZE_PX, SIZE_PX), axis=(1, 2))
    down, right = random.integers(0, 2 * MOVED_PX, (2, len(x)), endpoint=True)
    moved: Images = windows[np.arange(len(x)), down, right][..., np.newaxis]
    return moved

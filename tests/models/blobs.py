"""Four blobs in 16 dimensions, and a model that tells them apart without any training.

``make_blobs.py`` makes ``blobs.tflite``. Tests copy it and this file into the projects they
write, so that a whole gate runs without TensorFlow.
"""

import numpy as np
from numpy.typing import NDArray

CLASSES, SIZE, HIDDEN = 4, 16, 64


def centers() -> NDArray[np.float32]:
    """Return the middle of each class, float32 of shape (4, 16)."""
    return np.random.default_rng(0).normal(size=(CLASSES, SIZE)).astype(np.float32)


def samples(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return x, float32 of shape (count, 16), and its classes, int64 of shape (count,)."""
    random = np.random.default_rng(seed)
    y = random.integers(CLASSES, size=count)
    noise = random.normal(scale=1.2, size=(count, SIZE))
    return (centers()[y] + noise).astype(np.float32), y


def test() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return 400 samples to measure on."""
    return samples(400, seed=1)


def calibration() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return 100 other samples."""
    return samples(100, seed=2)

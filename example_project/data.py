"""The digits, split once and for all into 997 to train on and 800 to test on.

These are scikit-learn's bundled digits: 1,797 grey 8x8 images, 0 to 9. A test sample
is 0.125 pp of accuracy, so 0.5 pp is four samples. The split is stored in
``digits.npz``, written by ``python -m example_project.train``.

Only numpy is imported here, so that measuring a model never waits for TensorFlow.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("digits.npz")

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


def train() -> tuple[Images, Labels]:
    """Return 997 images, float32 ``(n, 8, 8, 1)`` from 0 to 1, and labels, int64 ``(n,)``."""
    return _load("train")


def test() -> tuple[Images, Labels]:
    """Return 800 images and labels that no model was trained on, shaped as in ``train``."""
    return _load("test")


def calibration() -> tuple[Images, Labels]:
    """Return the first 256 training samples: enough to see the range of every activation."""
    x, y = train()
    return x[:256], y[:256]


def reconstruction_train() -> tuple[Images, Images]:
    """Return the 997 training images twice, float32 ``(n, 64)``: input and target."""
    return _flat(train()[0])


def reconstruction_test() -> tuple[Images, Images]:
    """Return the 800 test images twice, float32 ``(n, 64)``: input and target."""
    return _flat(test()[0])


def _load(split: str) -> tuple[Images, Labels]:
    with np.load(FILE) as arrays:
        grey, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    return grey[..., np.newaxis].astype(np.float32) / 16, labels.astype(np.int64)


def _flat(images: Images) -> tuple[Images, Images]:
    flat = images.reshape(len(images), -1)
    return flat, flat

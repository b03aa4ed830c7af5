"""Models of the tests that TensorFlow serves, and what their results are made of."""

import subprocess
import sys
from pathlib import Path

_EXPORT = """
import sys
import keras, tensorflow as tf
model = keras.models.load_model(sys.argv[1])
assert len(model.optimizer.variables) > 2 * len(model.trainable_variables)
tf.saved_model.save(model, sys.argv[2])
"""


def export_with_adam(keras_file: Path, folder: Path) -> None:
    """Write a trained model as TensorFlow does, with the slots of its Adam optimizer."""
    # In a process of its own: tests in this one may have imported tfmot, which changes tf.keras.
    subprocess.run([sys.executable, "-c", _EXPORT, str(keras_file), str(folder)], check=True)


def size_bytes(path: Path) -> int:
    """Return the size of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())

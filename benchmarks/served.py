"""What is left of an Adam-trained model when a recipe ends in a SavedModel or a ``.keras`` file.

The architecture is that of ``benchmarks.reference``, in Keras 3, trained for one epoch. Run
``python -m benchmarks.served``; it takes about two minutes.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.gated import print_table, run_gate

PARAMETERS = 3_274_762  # of the architecture; all are read by inference, as float32
ALLOWED = 1.02
HEAD = ("what is written", "bytes", "of the variables read", "gzip bytes", "accuracy")
MAKE = """
import sys
import keras
import tensorflow as tf
from benchmarks.reference import data
keras.utils.set_random_seed(0)
layers = keras.layers
model = keras.Sequential([
    layers.Input((28, 28, 1), name="image"),
    layers.Conv2D(32, 5, padding="same", activation="relu"), layers.MaxPooling2D(),
    layers.BatchNormalization(momentum=0.9),
    layers.Conv2D(64, 5, padding="same", activation="relu"), layers.MaxPooling2D(),
    layers.Flatten(), layers.Dense(1024, activation="relu"), layers.Dropout(0.4),
    layers.Dense(10, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(*data.train(), epochs=1, verbose=0)
model.save(f"{sys.argv[1]}/model.keras")
tf.saved_model.save(model, f"{sys.argv[1]}/saved")
model.export(f"{sys.argv[1]}/exported", verbose=False)
"""
BUDGET = """\
version: 1
model: saved
data: {{test: benchmarks.reference.data:test}}
budget: {{max_bytes: {allowed}, max_gzip_bytes: 100 MB, min_accuracy: 0.5}}
variants:
  saved_model: {{recipe: [saved_model]}}
  saved_model_of_keras: {{model: model.keras, recipe: [saved_model]}}
  saved_model_float16: {{recipe: [saved_model: {{weights: float16}}]}}
  keras_file: {{model: model.keras, recipe: [keras_file]}}
"""


def main() -> int:
    """Print the table, and return pytest's exit code: 1 if a variant has more than allowed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", MAKE, name], check=True, stderr=subprocess.DEVNULL)
        budget = folder / "adam.budget.yaml"
        budget.write_text(BUDGET.format(allowed=int(ALLOWED * 4 * PARAMETERS)))
        gated = run_gate(budget, sys.argv[1:])
        by_hand = {
            "`tf.saved_model.save(model)`": folder / "saved",
            "`model.export()` of Keras 3": folder / "exported",
            "`model.save('x.keras')`": folder / "model.keras",
        }
        rows = [_row(what, _size_bytes(path)) for what, path in by_hand.items()]
    for variant in gated.variants:
        measured = variant.measured
        score = f"{measured['min_accuracy']:.4f}"
        gzipped = f"{measured['max_gzip_bytes']:,.0f}"
        rows.append(_row(f"`{variant.name}`", measured["max_bytes"], gzipped, score))
    print_table(HEAD, rows)
    return gated.exitcode


def _size_bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _row(what: str, size_bytes: float, gzipped: str = "", score: str = "") -> list[str]:
    return [what, f"{size_bytes:,.0f}", f"{size_bytes / (4 * PARAMETERS):.4f}x", gzipped, score]


if __name__ == "__main__":
    sys.exit(main())

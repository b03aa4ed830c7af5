"""Models of the tests that TensorFlow serves, and what is read of their results."""

import subprocess
import sys
from pathlib import Path
from typing import Any

GOOD = [f"good{number}" for number in range(12)]
BAD = [f"bad{number}" for number in range(12)]

_EXPORT = """
import sys
import keras, tensorflow as tf
model = keras.models.load_model(sys.argv[1])
assert len(model.optimizer.variables) > 2 * len(model.trainable_variables)
tf.saved_model.save(model, sys.argv[2])
"""

_TRAIN_ON_WORDS = """
import os, sys
import keras, tensorflow as tf
from tests.recipes.served import BAD, GOOD, words
vocabulary = sys.argv[1] + ".words"
with open(vocabulary, "w") as file:
    file.write("\\n".join([*GOOD, *BAD]))
keras.utils.set_random_seed(0)
layers = keras.layers
model = keras.Sequential([
    layers.Input((4,), dtype="int64"), layers.Embedding(25, 4),
    layers.GlobalAveragePooling1D(), layers.Dense(2, "softmax"),
])
model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
module = tf.Module()
module.model = model
whole_line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
module.table = tf.lookup.StaticHashTable(
    tf.lookup.TextFileInitializer(vocabulary, tf.string, whole_line, tf.int64, number), 24)
x, y = words()
model.fit(module.table.lookup(tf.constant(x)), y, epochs=12, verbose=0)
serve = tf.function(lambda words: {"is_good": model(module.table.lookup(words))})
embed = tf.function(lambda words: {"vector": model.layers[0](module.table.lookup(words))})
spec = tf.TensorSpec([None, 4], tf.string, name="words")
tf.saved_model.save(module, sys.argv[1], signatures={
    "serving_default": serve.get_concrete_function(spec),
    "embed": embed.get_concrete_function(spec),
})
os.remove(vocabulary)
"""

_SCORE = """
import sys
import tensorflow as tf
from tests.recipes.models import test
loaded = tf.saved_model.load(sys.argv[1])
serve = loaded.signatures["serving_default"]
x, y = test()
[image] = serve.structured_input_signature[1]
[outputs] = serve(**{image: tf.constant(x)}).values()
print("score", (outputs.numpy().argmax(axis=1) == y).mean())
"""


def words() -> tuple[Any, Any]:
    """Return 400 samples of four words, and whether most of them are good."""
    import numpy as np

    generator = np.random.default_rng(0)
    goods = generator.choice([0, 1, 3, 4], 400)
    rows = [[*generator.choice(GOOD, good), *generator.choice(BAD, 4 - good)] for good in goods]
    return np.array(rows), (goods > 2).astype(np.int64)


def width(_y_true: Any, y_pred: Any) -> float:
    """Return the size of the last axis of the outputs."""
    return float(y_pred.shape[-1])


def export_with_adam(keras_file: Path, folder: Path) -> None:
    """Write a trained model as TensorFlow does, with the slots of its Adam optimizer."""
    _run(_EXPORT, keras_file, folder)


def train_on_words(folder: Path) -> None:
    """Train a model that looks words up in a file, and write it; the file is then deleted."""
    _run(_TRAIN_ON_WORDS, folder)


def score_of(folder: Path) -> float:
    """Return the accuracy of a SavedModel on the digits, without any code of ours."""
    return float(_run(_SCORE, folder).rpartition("score ")[2])


def content(path: Path) -> dict[str, bytes]:
    """Return the bytes of all files below a folder, by their names."""
    files = [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def size_bytes(path: Path) -> int:
    """Return the size of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(map(len, content(path).values()))


def _run(script: str, *arguments: Path) -> str:
    # In a process of its own: tests in this one may have imported tfmot, which changes tf.keras.
    words = [sys.executable, "-c", script, *map(str, arguments)]
    root = Path(__file__).parents[2]
    return subprocess.run(words, check=True, cwd=root, stdout=subprocess.PIPE, text=True).stdout

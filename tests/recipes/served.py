"""Models of the tests that TensorFlow serves, and what is read of their results."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.recipes.models import test

GOOD = [f"good{number}" for number in range(12)]
BAD = [f"bad{number}" for number in range(12)]

_WRITE_MODELS = """
import os, sys
import keras, tensorflow as tf
from tests.recipes.served import BAD, GOOD, words
trained, folder = sys.argv[1:]
os.mkdir(folder)

model = keras.models.load_model(trained)
assert len(model.optimizer.variables) > 2 * len(model.trainable_variables)
tf.saved_model.save(model, folder + "/cnn_saved_model")

vocabulary = folder + "/words.txt"
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
tf.saved_model.save(module, folder + "/words", signatures={
    "serving_default": serve.get_concrete_function(spec),
    "embed": embed.get_concrete_function(spec),
})
os.remove(vocabulary)
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


def write_models(trained: Path, folder: Path) -> None:
    """Write SavedModels as TensorFlow does: ``cnn_saved_model`` and ``words``.

    Args:
        trained: A ``.keras`` file; its SavedModel has the slots of its Adam optimizer.
        folder: The new folder. ``words`` looks words up in a file that is deleted then.
    """
    # In a process of its own: tests in this one may have imported tfmot, which changes tf.keras.
    command = [sys.executable, "-c", _WRITE_MODELS, str(trained), str(folder)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])


def score_of(folder: Path) -> float:
    """Return the accuracy of a SavedModel on the digits, without any code of ours."""
    import tensorflow as tf

    loaded = tf.saved_model.load(folder)
    serve = loaded.signatures["serving_default"]
    x, y = test()
    [image] = serve.structured_input_signature[1]
    [outputs] = serve(**{image: tf.constant(x)}).values()
    return float((outputs.numpy().argmax(axis=1) == y).mean())


def content(path: Path) -> dict[str, bytes]:
    """Return the bytes of all files below a folder, by their names."""
    files = [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def size_bytes(path: Path) -> int:
    """Return the size of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(map(len, content(path).values()))

"""What evaluating accuracy costs beyond the bare ``invoke()`` calls.

Run ``python -m benchmarks.evaluation``; it takes about two minutes. The model is the MNIST CNN
of the usual pruning tutorial (3.27 M parameters), untrained; the data are 10,000 random images.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from benchmarks.pairs import spread
from pytest_modelbudget.budgetfile.types import FileSource, Metric
from pytest_modelbudget.jobs import EvaluateJob, Project
from pytest_modelbudget.measure.accuracy import evaluate

SAMPLES, BATCH, REPEATS = 10_000, 167, 7


def write_model(path: Path) -> None:
    """Write the untrained CNN as a float ``.tflite``."""
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            tf.keras.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(),
            layers.Conv2D(64, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1024, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax"),
        ]
    )
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def bare_invoke_s(path: Path, batch: int) -> float:
    """Return the seconds that ``invoke()`` alone takes for all samples, ``batch`` at a time."""
    interpreter = Interpreter(model_path=str(path), num_threads=2)
    entry = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(entry, (batch, 28, 28, 1))
    interpreter.allocate_tensors()
    random = np.random.default_rng(0).random((batch, 28, 28, 1), dtype=np.float32)
    interpreter.set_tensor(entry, random)
    interpreter.invoke()
    started = time.perf_counter()
    for _ in range(SAMPLES // batch):
        interpreter.invoke()
    return (time.perf_counter() - started) * SAMPLES / (SAMPLES // batch * batch)


def main() -> None:
    """Print the whole evaluation over the bare calls, run by run."""
    with tempfile.TemporaryDirectory() as name:
        model, data = Path(name, "cnn.tflite"), Path(name, "data.npz")
        write_model(model)
        random = np.random.default_rng(1)
        x = random.random((SAMPLES, 28, 28, 1), dtype=np.float32)
        np.savez(data, x=x, y=random.integers(10, size=SAMPLES))
        project = Project(rootdir=Path(name), sys_path=())
        job = EvaluateJob(model=model, data=FileSource(path=data), metric=Metric(), project=project)
        inside, batched, one_by_one = [], [], []
        for repeat in range(REPEATS + 1):
            score = evaluate(job, lambda _: None)
            if repeat:
                inside.append(score.seconds / score.invoke_s)
                batched.append(score.seconds / bare_invoke_s(model, BATCH))
                one_by_one.append(score.seconds / bare_invoke_s(model, 1))
        print(f"a whole evaluation of {SAMPLES:,} samples from an .npz, as a multiple of")
        print("  the invoke() calls in it                ", spread(inside))
        print("  bare invoke() calls, batches of the same", spread(batched))
        print("  bare invoke() calls, one sample at a time", spread(one_by_one))


if __name__ == "__main__":
    main()

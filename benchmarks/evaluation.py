"""What evaluating accuracy costs: beyond ``invoke()``, on one core and on two, and in memory.

Run ``python -m benchmarks.evaluation``; it takes about five minutes. The model is the MNIST CNN
of the usual pruning tutorial (3.27 M parameters), untrained; the data are 10,000 random images.
Memory is that of a fresh process each, for the tiny model of the tests.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks.pairs import spread
from pytest_modelbudget.budgetfile.types import FileSource, Metric
from pytest_modelbudget.judge.results.scores import ModelScore
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.score_jobs import EvaluateJob
from pytest_modelbudget.workers.measure.accuracy.evaluate import evaluate

SAMPLES, BATCH, REPEATS = 10_000, 167, 7
TINY = Path(__file__).parents[1] / "tests" / "models" / "blobs.tflite"
SIZES = (1000, 10_000, 100_000, 1_000_000)
# Not getrusage(): its peak is inherited from whoever started the process.
MEMORY = """
import re, sys
from pathlib import Path
from benchmarks.evaluation import evaluated
score = evaluated(Path(sys.argv[1]), Path(sys.argv[2]))
peak_kib = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(score.samples, peak_kib / 1024)
"""


def evaluated(model: Path, data: Path, threads: int | None = None) -> ModelScore:
    """Evaluate accuracy on an ``.npz``, as a worker process does."""
    project = Project(rootdir=data.parent, sys_path=())
    job = EvaluateJob(model=model, data=FileSource(path=data), metric=Metric(), project=project)
    with tempfile.TemporaryDirectory() as folder:
        return evaluate(job, Path(folder), lambda _: None, threads)


def write_model(path: Path) -> None:
    """Write the untrained CNN as a float ``.tflite``."""
    import tensorflow as tf

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
    interpreter = Interpreter(model_path=str(path), num_threads=1)
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


def by_processes_s(model: Path, data: Path) -> float:
    """Return the seconds of two processes that evaluate half of the samples each."""
    halves = [data.with_name(f"{half}.npz") for half in ("first", "second")]
    with np.load(data) as whole:
        for half, rows in zip(
            halves, (slice(SAMPLES // 2), slice(SAMPLES // 2, None)), strict=True
        ):
            np.savez(half, x=whole["x"][rows], y=whole["y"][rows])
    with get_context("spawn").Pool(2) as pool:
        pool.starmap(evaluated, [(model, half, 1) for half in halves])  # pays the imports
        started = time.perf_counter()
        pool.starmap(evaluated, [(model, half, 1) for half in halves], chunksize=1)
        return time.perf_counter() - started


def write_data(path: Path, samples: int, *shape: int) -> None:
    """Write random samples of ``shape``, of four classes, a member of the archive at a time."""
    random = np.random.default_rng(1)
    x = random.random((samples, *shape), dtype=np.float32)
    np.savez(path, x=x, y=random.integers(4, size=samples))


def memory(folder: Path) -> Iterator[str]:
    """Yield the peak memory of evaluating ever more samples."""
    for samples in SIZES:
        data = folder / "memory.npz"
        write_data(data, samples, 16)
        command = [sys.executable, "-c", MEMORY, str(TINY), str(data)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        count, peak_mib = done.stdout.split()
        yield f"  {int(count):>9,} samples  {float(peak_mib):6.1f} MiB"


def throughput(model: Path, data: Path) -> Iterator[str]:
    """Yield what an evaluation takes as a multiple of others, run by run."""
    inside, bare, cores, processes = [], [], [], []
    evaluated(model, data)
    for _ in range(REPEATS):
        one, two = evaluated(model, data, 1), evaluated(model, data, 2)
        inside.append(two.invoke_s / (two.threads * two.seconds))
        bare.append(one.seconds / bare_invoke_s(model, BATCH))
        cores.append(one.seconds / two.seconds)
        processes.append(one.seconds / by_processes_s(model, data))
    yield f"  time inside invoke(), on two cores       {spread(inside)}"
    yield f"  one core, as a multiple of bare invoke() {spread(bare)}"
    yield f"  one core over two threads                {spread(cores)}"
    yield f"  one core over two processes              {spread(processes)}"


def main() -> None:
    """Print the two tables."""
    with tempfile.TemporaryDirectory() as name:
        model, data = Path(name, "cnn.tflite"), Path(name, "data.npz")
        write_model(model)
        write_data(data, SAMPLES, 28, 28, 1)
        print(f"evaluating {SAMPLES:,} samples from an .npz")
        print(*throughput(model, data), sep="\n")
        print("peak memory")
        print(*memory(Path(name)), sep="\n")


if __name__ == "__main__":
    main()

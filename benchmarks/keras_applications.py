"""Which architectures of ``keras.applications`` can be moved into tf_keras, for tfmot.

Run ``python -m benchmarks.keras_applications``; it writes ``keras_applications.md`` beside this
file and takes about 15 minutes.
"""

import inspect
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

TABLE = Path(__file__).with_suffix(".md")
SIZES = (32, 64, 71, 75, 96, 128, 224)  # pixels; the smallest that an architecture accepts
TOLERANCE = 1e-5  # of the largest logit
HEADER = """\
# keras.applications, moved into tf_keras

Written by `python -m benchmarks.keras_applications`: every architecture with random weights (the
statistics of batch normalization included), 10 classes, logits as outputs, and the smallest input
that it accepts, each in a process of its own.

- difference: the largest between the logits of the Keras 3 model and those of the moved one after
  it was cloned, as tfmot does, divided by the largest logit, on 4 random images from 0 to 255;
  batch normalization is computed by the same operators in both
- hosted: operations that tf_keras lacks; they run as they are in Keras 3, and tfmot leaves them
  alone
- seconds: for moving it and comparing the outputs

| architecture | input | parameters | layers | hosted | result | difference | seconds |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Row:
    """What became of one architecture; ``seconds`` are those of moving and proving it."""

    name: str
    size_px: int
    parameters: int
    layers: int
    hosted: int
    result: str
    difference: float
    seconds: float

    def __str__(self) -> str:
        cells = [
            self.name,
            f"{self.size_px}x{self.size_px}",
            f"{self.parameters:,}",
            str(self.layers),
            str(self.hosted),
            self.result,
            f"{self.difference:.1e}",
            f"{self.seconds:.1f}",
        ]
        return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure one architecture if it is named, else all of them."""
    if len(sys.argv) == 2:
        print(json.dumps(asdict(measure(sys.argv[1]))))
        return
    rows = []
    for name in architectures():
        rows.append(measure_alone(name))
        print(rows[-1], flush=True)
    counts = Counter(row.result.partition(":")[0] for row in rows)
    summary = ", ".join(f"{count} {result}" for result, count in counts.items())
    table = "\n".join(map(str, rows))
    TABLE.write_text(f"{HEADER}{table}\n\nOf {len(rows)} architectures: {summary}.\n")


def architectures() -> Iterator[str]:
    """Yield the names of all functions in ``keras.applications`` that build a model."""
    import keras

    yield from (n for n, found in vars(keras.applications).items() if inspect.isfunction(found))


def measure_alone(name: str) -> Row:
    """Measure one architecture in a process of its own, so that memory stays bounded."""
    command = [sys.executable, "-m", "benchmarks.keras_applications", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2]
        return Row(name, 0, 0, 0, 0, f"failed: {reason}", float("nan"), float("nan"))
    return Row(**json.loads(done.stdout))


def measure(name: str) -> Row:
    """Move one architecture and compare its logits."""
    from pytest_modelbudget.errors import JobError
    from pytest_modelbudget.workers.compress.keras3 import to_tf_keras
    from pytest_modelbudget.workers.compress.keras3.parity import unfused

    model = build(name)
    started = time.perf_counter()
    size_px, layers = model.input_shape[1], len(model.operations)
    try:
        moved = to_tf_keras(model)
    except JobError as error:
        seconds = time.perf_counter() - started
        result = f"refused: {error.cause}"
        return Row(name, size_px, model.count_params(), layers, 0, result, float("nan"), seconds)
    seconds = time.perf_counter() - started
    hosted = sum(type(layer).__name__ == "Hosted" for layer in moved.layers)
    with unfused(clone := cloned(moved)):
        difference = compare(model, clone)
    result = "moved" if difference <= TOLERANCE else "wrong"
    return Row(name, size_px, model.count_params(), layers, hosted, result, difference, seconds)


def build(name: str) -> Any:
    """Build an architecture with random weights; none is neutral."""
    import keras

    keras.utils.set_random_seed(0)
    model = _smallest(getattr(keras.applications, name))
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([generator.uniform(0.5, 1.5, w.shape) for w in layer.weights])
    return model


def _smallest(architecture: Any) -> Any:
    for size_px in SIZES:
        try:
            return architecture(
                weights=None,
                input_shape=(size_px, size_px, 3),
                classes=10,
                classifier_activation=None,
            )
        except ValueError as error:
            refusal = error
    raise refusal


def cloned(model: Any) -> Any:
    """Build a tf_keras model again from its configuration, as tfmot does."""
    import tf_keras

    clone = tf_keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


def compare(model: Any, moved: Any) -> float:
    """Return the largest difference of two models' outputs, relative to the largest output."""
    images = np.random.default_rng(1).uniform(0, 255, (4, *model.input_shape[1:]))
    images = images.astype(np.float32)
    expected, found = np.asarray(model(images)), np.asarray(moved(images))
    return float(np.abs(expected - found).max() / np.abs(expected).max())


if __name__ == "__main__":
    main()

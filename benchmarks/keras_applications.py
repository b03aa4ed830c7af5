"""What becomes of the architectures of ``keras.applications``: moved to tf_keras, and each preset.

Run ``python -m benchmarks.keras_applications``; names of architectures and presets after it
restrict the run to these. It continues where ``keras_applications.jsonl`` beside this file ends,
and writes ``keras_applications.md``. Moving all architectures takes about 15 minutes; the presets
of a small one take 5 to 20.
"""

import inspect
import json
import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pytest_modelbudget.budgetfile.presets import PRESETS

TABLE = Path(__file__).with_suffix(".md")
LOG = Path(__file__).with_suffix(".jsonl")
MOVED = "moved to tf_keras"
SIZES = (32, 64, 71, 75, 96, 128, 224)  # pixels; the smallest that an architecture accepts
TOLERANCE = 1e-5  # of the largest logit
TIMEOUT_S = 3600  # for one preset
HEADER = """\
# keras.applications

Written by `python -m benchmarks.keras_applications`: every architecture with random weights, 10
classes, logits as outputs, and the smallest input that it accepts, each in a process of its own.

## Moved to tf_keras, for tfmot

The statistics of batch normalization are random, too.

- difference: the largest between the logits of the Keras 3 model and those of the moved one after
  it was cloned, as tfmot does, divided by the largest logit, on 4 random images from 0 to 255;
  batch normalization is computed by the same operators in both
- hosted: operations that tf_keras lacks; they run as they are in Keras 3, and tfmot leaves them
  alone
- seconds: for moving it and comparing the outputs

| architecture | input | parameters | layers | hosted | result | difference | seconds |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
PRESETS_HEADER = """
## Presets

Batch normalization has the statistics of 8 random images. Stages that train do so on these 8
images, one step for each epoch: this is about what can be built, not about accuracy.

- bytes: of the `.tflite`
- seconds: of the whole chain, after the import of TensorFlow, on a busy machine with two cores
- correlation: between the outputs of the `.tflite` and those of the Keras model that it was
  converted from (after `quantize_aware`: with emulated quantization), over 4 images and 10 logits
- by hand: the same of what TensorFlow's converter makes of that Keras model with the same data,
  where the correlation is under 0.9: deep networks with random weights amplify rounding, and the
  weights of another seed change it by up to 0.1. Outputs are wrong if the correlation is under 0.9
  and over 0.1 less than by hand; `int4` is not judged
- refused in advance: an error before any training

| architecture | preset | result | bytes | seconds | correlation | by hand |
| --- | --- | --- | --- | --- | --- | --- |
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
    """Measure one architecture if asked to by this module itself, else what the log lacks."""
    if sys.argv[1:2] == ["--move"]:
        print(json.dumps(asdict(measure(sys.argv[2]))))
        return
    presets = [word for word in sys.argv[1:] if word in PRESETS] or list(PRESETS)
    names = [word for word in sys.argv[1:] if word not in PRESETS] or list(architectures())
    for name in names:
        done = {row["preset"] for row in _logged() if row["name"] == name}
        if MOVED not in done:
            _log({"preset": MOVED, **asdict(measure_alone(name))})
        while missing := [preset for preset in presets if preset not in done]:
            for row in _run_presets(name, missing):
                _log(row)
                done.add(row["preset"])
        _write_table()


def _logged() -> list[dict[str, Any]]:
    return [json.loads(line) for line in LOG.read_text().splitlines()] if LOG.exists() else []


def _log(row: dict[str, Any]) -> None:
    with LOG.open("a") as log:
        log.write(json.dumps(row) + "\n")


def _run_presets(name: str, presets: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Run presets in a process of their own; if it ends or hangs, that is the last outcome."""
    command = [sys.executable, "-m", "benchmarks.application", name, *presets]
    limit = ["timeout", str(TIMEOUT_S * len(presets))]
    waiting = iter(presets)
    with subprocess.Popen([*limit, *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            next(waiting)
            yield json.loads(line)
    if preset := next(waiting, None):
        reason = f"the process ended with {process.returncode}"
        yield {"name": name, "preset": preset, "result": "crashed", "reason": reason}


def _write_table() -> None:
    logged = _logged()
    moved = [row for row in logged if row["preset"] == MOVED]
    rows = [Row(**{key: row[key] for key in row if key != "preset"}) for row in moved]
    rest = [row for row in logged if row["preset"] != MOVED]
    text = HEADER + "\n".join(map(str, rows)) + "\n\n" + _summary(moved)
    text += PRESETS_HEADER + "\n".join(map(_cells, rest)) + "\n\n" + _summary(rest)
    TABLE.write_text(text)


def _summary(rows: Sequence[dict[str, Any]]) -> str:
    counts = Counter(row["result"].partition(":")[0] for row in rows)
    listed = ", ".join(f"{count} {result}" for result, count in counts.items())
    names = len({row["name"] for row in rows})
    return f"Of {len(rows)} rows of {names} architectures: {listed}.\n"


def _cells(row: dict[str, Any]) -> str:
    reason = row.get("reason", "")
    cells = [row["name"], row["preset"], f"{row['result']}: {reason}" if reason else row["result"]]
    correlations = (row.get(key, math.nan) for key in ("correlation", "by_hand"))
    is_built = row.get("size_bytes", 0) > 0
    cells += [f"{row['size_bytes']:,}" if is_built else ""]
    cells += [f"{row['seconds']:.0f}" if "seconds" in row else ""]
    cells += ["" if math.isnan(each) else f"{each:.4f}" for each in correlations]
    return f"| {' | '.join(cells)} |"


def architectures() -> Iterator[str]:
    """Yield the names of all functions in ``keras.applications`` that build a model."""
    import keras

    yield from (n for n, found in vars(keras.applications).items() if inspect.isfunction(found))


def measure_alone(name: str) -> Row:
    """Measure one architecture in a process of its own, so that memory stays bounded."""
    command = [sys.executable, "-m", "benchmarks.keras_applications", "--move", name]
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

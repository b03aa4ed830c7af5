"""Takes one architecture of ``keras.applications`` through the presets, as a worker does.

``python -m benchmarks.application NAME PRESET...`` prints one line of JSON for each preset as soon
as it is known.
"""

import json
import shutil
import sys
import tempfile
import time
import traceback
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.keras_applications import build
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.budgetfile.stages import Quantize
from pytest_modelbudget.engine.plan import Step
from pytest_modelbudget.engine.planner import Planner
from pytest_modelbudget.engine.training_steps import training_steps
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import PreflightJob
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.task import RESULT
from pytest_modelbudget.workers.tflite.tflite_file import MODEL

BUDGET = """
version: 1
model: model.keras
data:
  train: {{call: "benchmarks.application:samples", args: {{size_px: {size_px}}}}}
training: {{batch_size: 8, learning_rate: 0.0001}}
recipe: {preset}
budget: {{max_bytes: 9 GB}}
"""
RIGHT = 0.9  # the lowest correlation of outputs that differ by rounding only
AS_BY_HAND = 0.1  # how much less than by hand is still chance: other weights change it as much


@dataclass(frozen=True)
class Outcome:
    """What became of one preset.

    Attributes:
        result: ``built``, ``wrong``, ``refused in advance``, ``refused late`` (after a training)
            or ``crashed``.
        reason: Of a result without a file.
        seconds: Of the whole chain, or until it was refused.
        correlation: Between the outputs of the ``.tflite`` and those of the Keras model that it
            was converted from, over 4 images and 10 logits.
        by_hand: The same of what TensorFlow's converter makes of the Keras model; measured only
            where the correlation is low, and there is something to compare with.
    """

    name: str
    preset: str
    result: str
    reason: str = ""
    size_bytes: int = 0
    seconds: float = 0.0
    correlation: float = float("nan")
    by_hand: float = float("nan")


def samples(size_px: int) -> Any:
    """Return 8 random images, float32 from 0 to 255, and labels from 0 to 9."""
    generator = np.random.default_rng(2)
    images = generator.uniform(0, 255, (8, size_px, size_px, 3)).astype(np.float32)
    return images, generator.integers(0, 10, 8)


def main() -> None:
    """Print the outcomes of the presets that the command line names."""
    name, *presets = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        model = _model(name)
        model.save(Path(folder, "model.keras"))
        # All before the first build, which changes the environment, and so the keys.
        planned = [(preset, _plan(preset, Path(folder), model)) for preset in presets]
        for preset, last in planned:
            with redirect_stdout(sys.stderr):  # Keras prints what it exports
                outcome = _outcome(name, preset, last, Path(folder), model)
            print(json.dumps(asdict(outcome)), flush=True)


def _model(name: str) -> Any:
    """Build the architecture; its batch normalization knows the statistics of the images."""
    import keras

    model = build(name)
    norms = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(samples(model.input_shape[1])[0], training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    return model


def _plan(preset: str, folder: Path, model: Any) -> Step:
    """Return the last step of a preset; those of several presets share what is the same."""
    budget = folder / "a.budget.yaml"
    budget.write_text(BUDGET.format(preset=preset, size_px=model.input_shape[1]))
    (planned,) = load(budget)
    return Planner(Project(rootdir=Path.cwd(), sys_path=())).plan(planned).step


def _outcome(name: str, preset: str, last: Step, root: Path, model: Any) -> Outcome:
    started = time.perf_counter()

    def without_file(result: str, error: BaseException) -> Outcome:
        reason = error.cause if isinstance(error, JobError) else f"{type(error).__name__}: {error}"
        line = " ".join(reason.split())[:300]
        return Outcome(name, preset, result, line, seconds=time.perf_counter() - started)

    trained = training_steps(last)
    try:
        _preflight(trained)
    except JobError as error:
        return without_file("refused in advance", error)
    except Exception as error:  # that is what is looked for
        traceback.print_exc()
        return without_file("crashed", error)
    try:
        folder = _build(last, root)
        expected = _converted_from(last, root, model)
        correlation = _correlation((folder / MODEL).read_bytes(), expected, model)
        by_hand = float("nan")
        if correlation < RIGHT and isinstance(last.job.stage, Quantize) and preset != "int4":
            by_hand = _correlation(_by_hand(last.job.stage, expected, model), expected, model)
    except JobError as error:
        return without_file("refused late" if trained else "refused in advance", error)
    except Exception as error:  # that is what is looked for
        traceback.print_exc()
        return without_file("crashed", error)
    built = json.loads((folder / RESULT).read_text())
    is_right = correlation >= RIGHT or correlation >= by_hand - AS_BY_HAND
    result = "built" if is_right or preset == "int4" else "wrong"
    size_bytes, seconds = built["size_bytes"], built["seconds"]
    return Outcome(name, preset, result, "", size_bytes, seconds, correlation, by_hand)


def _preflight(trained: tuple[Step, ...]) -> None:
    from pytest_modelbudget.workers.compress.preflight import preflight

    if trained:
        preflight(PreflightJob(steps=tuple(step.job for step in trained)), _log)


def _build(step: Step, root: Path) -> Path:
    """Build a step and those before it, each once, and return the folder of its result."""
    from pytest_modelbudget.workers.compress.job import build_artifact

    folder = root / step.key
    if not (folder / RESULT).exists():
        parent = _build(step.parent, root) if step.parent else None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        built = build_artifact(step.job.model_copy(update={"parent": parent}), folder, _log)
        (folder / RESULT).write_text(built.model_dump_json())
    return folder


def _converted_from(step: Step | None, root: Path, model: Any) -> Any:
    """Return the Keras model that the last stage which trains left, or ``model``."""
    from pytest_modelbudget.workers.compress.models.formats import KERAS_MODEL, QUANTIZED_MODEL
    from pytest_modelbudget.workers.compress.models.keras_files import load_stage
    from pytest_modelbudget.workers.compress.training import qat

    while step:
        folder = root / step.key
        if (folder / QUANTIZED_MODEL).exists():
            return qat.load_quantized(folder)
        if (folder / KERAS_MODEL).exists():
            return load_stage(folder / KERAS_MODEL, trust_code=False)
        step = step.parent
    return model


def _by_hand(stage: Quantize, expected: Any, model: Any) -> bytes:
    """Quantize a Keras model with TensorFlow's converter, as its documentation shows it."""
    import tensorflow as tf

    images = samples(model.input_shape[1])[0]
    converter = tf.lite.TFLiteConverter.from_keras_model(expected)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if stage.needs_calibration:
        converter.representative_dataset = lambda: ([image[None]] for image in images)
    if stage.scheme == "int16x8":
        int16 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [int16, tf.lite.OpsSet.TFLITE_BUILTINS]
    if stage.scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def _correlation(tflite: bytes, expected: Any, model: Any) -> float:
    from ai_edge_litert.interpreter import Interpreter

    images = samples(model.input_shape[1])[0][:4]
    runner = Interpreter(model_content=tflite).get_signature_runner()
    (found,) = runner(**{next(iter(runner.get_input_details())): images}).values()
    logits = np.asarray(expected(images, training=False))
    return float(np.corrcoef(found.ravel(), logits.ravel())[0, 1])


def _log(activity: str) -> None:
    print(activity, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

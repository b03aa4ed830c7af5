"""Describes a model and the labels of its samples, so that a metric can be guessed."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pytest_modelbudget.budgetfile.stages.stage import is_tflite
from pytest_modelbudget.budgetfile.types import Source
from pytest_modelbudget.judge.results.model_description import LabelFacts, ModelDescription
from pytest_modelbudget.protocol.score_jobs import DescribeJob
from pytest_modelbudget.workers.compress.models.given_tflite import read_tflite
from pytest_modelbudget.workers.tflite.interpreter import Interpreter
from pytest_modelbudget.workers.userdata.datasets import Array, open_data

_SAMPLES = 10_000


def describe(job: DescribeJob) -> ModelDescription:
    """Load the model, and read the first labels.

    Raises:
        JobError: if the model or the data cannot be used.
    """
    source = job.described
    labels = _labels(job.samples) if job.samples else None
    if is_tflite(source):
        outputs = _outputs_of(source.path, job.signature)
        return ModelDescription(loss="", from_logits=False, outputs=outputs, labels=labels)
    # Not at the top, because a ``.tflite`` does not need TensorFlow.
    from pytest_modelbudget.workers.compress.models.compiled import Compiled
    from pytest_modelbudget.workers.compress.models.serving import serving_function
    from pytest_modelbudget.workers.compress.models.sources import is_keras, load_model

    model = load_model(source, 0, trust_code=job.trust_code, signature=job.signature)
    function, _ = serving_function(model)
    compiled = Compiled.of(model, source) if is_keras(model) else None
    loss, from_logits = _loss(compiled.loss if compiled else None)
    outputs = {
        name: tuple(-1 if size is None else size for size in output.shape[1:])
        for name, output in function.structured_outputs.items()
    }
    return ModelDescription(loss=loss, from_logits=from_logits, outputs=outputs, labels=labels)


def _outputs_of(path: Path, signature: str) -> dict[str, tuple[int, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        gated = Path(folder, path.name)
        gated.write_bytes(read_tflite(path, signature))
        outputs = Interpreter(gated, 1).outputs.items()
        return {name: tuple(map(int, tensor.shape[1:])) for name, tensor in outputs}


def _loss(config: Any) -> tuple[str, bool]:
    """Return the name of a loss as Keras serializes it, and whether it takes logits."""
    if isinstance(config, str):
        return config, False
    if not isinstance(config, dict) or "class_name" not in config:
        return "", False  # none, or one for each output
    inner = config.get("config")
    if config["class_name"] == "function":
        return str(inner), False
    from_logits = inner.get("from_logits") if isinstance(inner, dict) else False
    return str(config["class_name"]), bool(from_logits)


def _labels(samples: Source) -> LabelFacts | None:
    y = open_data(samples).head(_SAMPLES).y
    if y is None or isinstance(y, dict):
        return None
    return LabelFacts(
        shape=y.shape[1:],
        whole=bool((y == np.floor(y)).all()),
        low=float(y.min()),
        high=float(y.max()),
        one_hot=_is_one_hot(y),
    )


def _is_one_hot(y: Array) -> bool:
    rows = y.reshape(len(y), -1)
    return bool(rows.shape[1] > 1 and np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all())

"""Holds a converted model against the function that it was made of."""

from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.difference import relative_difference
from pytest_modelbudget.workers.userdata.datasets import Array

_TOLERANCE = 1e-2  # of the largest output: rounding in a deep network may add up
_OPEN_SIZE = 32  # of an axis that a model leaves open, such as the length of a text


def require_same_outputs(function: Any, converted: bytes) -> None:
    """Run both on one made-up sample: float numbers from 0 to 1, others 0 or 1.

    A function that gives other numbers each time is not compared, nor one that takes text, or that
    LiteRT refuses: what does not run is found when all kernels are tried.

    Args:
        function: A concrete function of named inputs and outputs.
        converted: What the converter made of it, without quantization.

    Raises:
        JobError: They differ; it names the first output that does.
    """
    specs = function.structured_input_signature[1]
    if any(spec.dtype == tf.string for spec in specs.values()):
        return
    random = np.random.default_rng(0)
    sample = {name: _values(random, spec) for name, spec in specs.items()}
    expected, again = _run(function, sample), _run(function, sample)
    try:
        found = Interpreter(model_content=converted, num_threads=1).get_signature_runner()(**sample)
    except (RuntimeError, ValueError):
        return
    for name, values in expected.items():
        difference = relative_difference(values, found[name])
        if difference > _TOLERANCE and relative_difference(values, again[name]) == 0:
            raise JobError(
                f"the .tflite computes something else than the model: its output {name} differs "
                f"by {difference:.2g} of the largest number",
                "report it to LiteRT with the model, or replace the layers behind that output",
            )


def _values(random: np.random.Generator, spec: Any) -> Array:
    first, *others = spec.shape
    shape = [first or 1, *(size or _OPEN_SIZE for size in others)]
    dtype = spec.dtype.as_numpy_dtype
    values = random.random(shape) if spec.dtype.is_floating else random.integers(0, 2, shape)
    return np.asarray(values, dtype)


def _run(function: Any, sample: dict[str, Array]) -> dict[str, Array]:
    outputs = function(**{name: tf.constant(value) for name, value in sample.items()})
    return {name: output.numpy() for name, output in outputs.items()}

"""Verifies that a converted model computes what the function that it was converted from does."""

from typing import Any

import tensorflow as tf

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models.keras_inputs import random_arrays
from pytest_modelbudget.workers.compress.models.serving import state_variables
from pytest_modelbudget.workers.tflite.compare import first_difference, relative_difference
from pytest_modelbudget.workers.tflite.runs import open_model
from pytest_modelbudget.workers.userdata.datasets import Array

_TOLERANCE = 1e-2  # of the largest value of an output: rounding in a deep network accumulates


def verify_conversion(function: Any, converted: bytes) -> None:
    """Run both on one random sample, and compare their outputs.

    Not compared are functions that take text, outputs that differ from call to call, and models
    that LiteRT cannot run: those fail when the kernels are verified.

    Args:
        function: A concrete function of named inputs and outputs.
        converted: The ``.tflite`` that it was converted to, without quantization.

    Raises:
        JobError: if an output differs; the message names the first one.
    """
    specs = function.structured_input_signature[1]
    if any(spec.dtype == tf.string for spec in specs.values()):
        return
    sample = dict(zip(specs, random_arrays(specs.values(), samples=1), strict=True))
    expected, again = _run(function, sample), _run(function, sample)
    repeated = {
        name: values
        for name, values in expected.items()
        if relative_difference(values, again[name]) == 0
    }
    try:
        found = open_model(converted).get_signature_runner()(**sample)
    except (RuntimeError, ValueError):
        return
    if different := first_difference(repeated, found, _TOLERANCE):
        name, difference = different
        raise JobError(
            f"the .tflite does not compute the same as the model: its output {name} differs by "
            f"{difference:.2g} of the largest value",
            "replace the layers before that output, or report the model to LiteRT",
        )


def _run(function: Any, sample: dict[str, Array]) -> dict[str, Array]:
    """Run a function from its present state, which it has again afterwards."""
    state = [(variable, variable.numpy()) for variable in state_variables(function)]
    outputs = function(**{name: tf.constant(value) for name, value in sample.items()})
    for variable, value in state:
        variable.assign(value)
    return {name: output.numpy() for name, output in outputs.items()}

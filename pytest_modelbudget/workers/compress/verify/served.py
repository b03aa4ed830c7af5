"""Verifies that what TensorFlow serves computes what the model does that it was written from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models.keras_inputs import random_arrays
from pytest_modelbudget.workers.tflite.compare import first_difference, relative_difference
from pytest_modelbudget.workers.userdata.datasets import Array

_TOLERANCE = 1e-4  # of the largest value of an output: both run the same operators
_Outputs = dict[str, Array]


def verify_served(functions: Mapping[str, Any], folder: Path, *, is_rounded: bool) -> None:
    """Run each signature and its function on one random sample, and compare their outputs.

    Not compared are functions that do not take a random sample, and outputs that differ from call
    to call or are not numbers.

    Args:
        functions: The concrete function of each signature.
        folder: The SavedModel.
        is_rounded: Whether its weights were rounded, so that outputs differ and only new NaN and
            infinities are wrong.

    Raises:
        JobError: If the SavedModel cannot be loaded, or an output differs; the message names the
            first one.
    """
    loaded = tf.saved_model.load(str(folder))
    for key, function in functions.items():
        found = loaded.signatures[key]
        verify_function(function, found, "the SavedModel", is_rounded=is_rounded)


def verify_function(function: Any, served: Any, name: str, *, is_rounded: bool = False) -> None:
    """Run two concrete functions on one random sample, and compare their outputs.

    Args:
        function: What was written.
        served: What was loaded again.
        name: The artifact, for messages.
        is_rounded: As in ``verify_served``.

    Raises:
        JobError: If an output differs; the message names the first one.
    """
    specs = function.structured_input_signature[1]
    sample = dict(zip(specs, random_arrays(specs.values(), samples=1), strict=True))
    try:
        expected, again = _run(function, sample), _run(function, sample)
    except (tf.errors.OpError, ValueError):
        return
    repeated = {
        output: values
        for output, values in expected.items()
        if relative_difference(values, again[output]) == 0
    }
    found = _run(served, sample)
    if is_rounded:
        repeated, found = _is_finite(repeated), _is_finite(found)
    if different := first_difference(repeated, found, _TOLERANCE):
        output, difference = different
        raise JobError(
            f"{name} does not compute the same as the model: its output {output} differs by "
            f"{difference:.2g} of the largest value",
            "write weights: float32" if is_rounded else "report it with the model",
        )


def _run(function: Any, sample: Mapping[str, Array]) -> _Outputs:
    outputs = function(**{name: tf.constant(value) for name, value in sample.items()})
    arrays = {name: output.numpy() for name, output in outputs.items()}
    return {name: array for name, array in arrays.items() if array.dtype.kind in "biuf"}


def _is_finite(outputs: _Outputs) -> _Outputs:
    return {name: np.isfinite(values) for name, values in outputs.items()}

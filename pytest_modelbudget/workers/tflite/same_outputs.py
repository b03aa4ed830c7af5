"""Holds a rewritten ``.tflite`` against what it was made of, on numbers of no meaning."""

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.userdata.datasets import Array

_KERNELS = {
    "XNNPACK": OpResolverType.BUILTIN,
    "the reference kernels": OpResolverType.BUILTIN_REF,
}
_TOLERANCE = 1e-4  # of the largest output


def require_same_outputs(before: bytes, after: bytes, change: str) -> None:
    """Run two models that should compute the same, with LiteRT's default and reference kernels.

    Args:
        before: A ``.tflite``.
        after: The same after ``change``, its inputs and outputs in the same order.
        change: What was done to it, for the error.

    Raises:
        JobError: LiteRT cannot run the changed model, or gets other numbers from it.
    """
    for kernels, resolver in _KERNELS.items():
        expected = _outputs(before, resolver)
        try:
            found = _outputs(after, resolver)
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            cause = f"after {change} the model does not run with {kernels} of LiteRT: {reason}"
            raise JobError(cause, f"do without {change}") from error
        if not all(map(_is_close, expected, found)):
            cause = f"after {change} the model computes something else with {kernels} of LiteRT"
            raise JobError(cause, f"do without {change}")


def _outputs(model: bytes, resolver: OpResolverType) -> list[Array]:
    """Run a model once; indices and flags are 0, so that tables have them."""
    interpreter = Interpreter(
        model_content=model, num_threads=1, experimental_op_resolver_type=resolver
    )
    interpreter.allocate_tensors()
    random = np.random.default_rng(0)
    for put in interpreter.get_input_details():
        interpreter.set_tensor(put["index"], _values(put, random))
    interpreter.invoke()
    return [interpreter.get_tensor(got["index"]) for got in interpreter.get_output_details()]


def _values(put: dict[str, Any], random: np.random.Generator) -> Array:
    dtype = np.dtype(put["dtype"])
    values: Array = np.zeros(put["shape"], dtype)
    if dtype.kind == "f":
        values[...] = random.normal(size=values.shape)
    elif put["quantization"][0]:
        bounds = np.iinfo(dtype)
        values[...] = random.integers(bounds.min, bounds.max, values.shape, endpoint=True)
    return values


def _is_close(expected: Array, found: Array) -> bool:
    if expected.dtype.kind != "f":
        return np.array_equal(expected, found)
    largest = np.nanmax(np.abs(expected), initial=0)
    return np.allclose(expected, found, rtol=0, atol=_TOLERANCE * largest, equal_nan=True)

"""Verifies that a ``.tflite`` in sparse encoding computes what its dense form does."""

from ai_edge_litert.interpreter import OpResolverType

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.compare import relative_difference
from pytest_modelbudget.workers.tflite.random_inputs import random_sample
from pytest_modelbudget.workers.tflite.runs import invoke, open_model
from pytest_modelbudget.workers.userdata.datasets import Array

_KERNELS = {
    "XNNPACK": OpResolverType.BUILTIN,
    "the reference kernels": OpResolverType.BUILTIN_REF,
}
_TOLERANCE = 1e-4  # of the largest value of a float output; others must be equal
_RANGE = (-1.0, 1.0)  # of float inputs
_HINT = "leave out convert: {sparse: true}"


def verify_sparse_outputs(dense: bytes, sparse: bytes) -> None:
    """Run both models on the same random inputs, with XNNPACK and with LiteRT's reference kernels.

    Args:
        dense: A ``.tflite``.
        sparse: The same model in sparse encoding, its inputs and outputs in the same order.

    Raises:
        JobError: if LiteRT cannot run the sparse model, or its outputs differ.
    """
    for name, kernels in _KERNELS.items():
        expected = _outputs(dense, kernels)
        try:
            found = _outputs(sparse, kernels)
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            cause = f"the sparse model does not run in LiteRT with {name}: {reason}"
            raise JobError(cause, _HINT) from error
        for dense_output, sparse_output in zip(expected, found, strict=True):
            tolerance = _TOLERANCE if dense_output.dtype.kind == "f" else 0.0
            difference = relative_difference(dense_output, sparse_output)
            if difference > tolerance:
                cause = (
                    f"sparse encoding changes the outputs of the model in LiteRT with {name}, by "
                    f"{difference:.2g} of the largest value"
                )
                raise JobError(cause, _HINT)


def _outputs(model: bytes, kernels: OpResolverType) -> list[Array]:
    litert = open_model(model, kernels)
    litert.allocate_tensors()
    ranges = {each["index"]: _RANGE for each in litert.get_input_details()}
    wanted = [each["index"] for each in litert.get_output_details()]
    return list(invoke(litert, random_sample(litert, 0, ranges), wanted).values())

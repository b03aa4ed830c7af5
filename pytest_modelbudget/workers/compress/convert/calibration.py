"""The samples on which the ranges of activations are measured."""

from collections.abc import Iterator, Mapping

import numpy as np

from pytest_modelbudget.budgetfile.types import Data
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.tensors import TensorDetails
from pytest_modelbudget.workers.userdata.datasets import Array, Batch, named_inputs, open_data

DEFAULT_SAMPLES = 128
_READ_AT_ONCE = 32


def samples(
    data: Data, inputs: Mapping[str, TensorDetails], at_most: int | None = None
) -> Iterator[dict[str, Array]]:
    """Yield ``data.calibration``, or the first 128 samples of ``data.train``, one by one.

    Args:
        data: The data sets of the budget.
        inputs: The inputs of the model, by name.
        at_most: How many; None for all of them.

    Returns:
        The inputs of each sample by name, each of shape ``(1, ...)`` and of the input's dtype.

    Raises:
        JobError: if there are no samples, or they do not fit the inputs.
    """
    source = data.calibration or data.train
    if source is None:
        raise JobError("there is no data to calibrate on", "give data.calibration or data.train")
    dataset = open_data(source)
    if data.calibration is None:
        at_most = at_most or DEFAULT_SAMPLES
    for batch in [dataset.head(at_most)] if at_most else dataset.batches(_READ_AT_ONCE):
        try:
            named = _fitting(batch, inputs)
        except JobError as error:
            raise JobError(f"{source}: {error.cause}", error.hint) from error
        for row in range(len(batch)):
            yield {name: array[row : row + 1] for name, array in named.items()}


def _fitting(batch: Batch, inputs: Mapping[str, TensorDetails]) -> dict[str, Array]:
    shapes = {name: tensor.shape for name, tensor in inputs.items()}
    named = named_inputs(batch.x, shapes)
    for name, array in named.items():
        wanted = inputs[name].dtype
        if not np.can_cast(array.dtype, wanted, casting="same_kind"):
            raise JobError(
                f"input {name} takes {wanted}, but x has {array.dtype}",
                f"convert it with x.astype({str(wanted)!r})",
            )
    return {name: array.astype(inputs[name].dtype, copy=False) for name, array in named.items()}

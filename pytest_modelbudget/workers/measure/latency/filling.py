"""What the inputs of a model get while its latency is measured."""

from collections.abc import Mapping

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.measurement_jobs import LatencyJob
from pytest_modelbudget.workers.tflite.random_inputs import random_invocation
from pytest_modelbudget.workers.tflite.tensors import TensorDetails
from pytest_modelbudget.workers.userdata.batches import TEXT
from pytest_modelbudget.workers.userdata.datasets import Array, named_inputs, open_data

_TEXT = f"{TEXT}O"  # LiteRT has bytes, TensorFlow has objects


def made_inputs(inputs: Mapping[str, TensorDetails], job: LatencyJob) -> dict[str, Array]:
    """Return random numbers, or the first samples of the test data if an input takes text.

    Args:
        inputs: The inputs of the model, by name.
        job: The measurement, which has the batch size.

    Returns:
        An array of ``batch_size`` samples for each input, as it is stored.

    Raises:
        JobError: if inputs of these types and shapes cannot be made, or if the test data have
            fewer samples than ``batch_size``.
    """
    text = [name for name, tensor in inputs.items() if tensor.dtype.kind in _TEXT]
    if not text:
        return random_invocation(inputs, job.batch_size)
    if job.samples is None:
        cause = f"input {text[0]} takes text, and its latency depends on the text"
        hint = "write data: {test: ...}, and end the recipe in saved_model"
        raise JobError(cause, hint)
    batch = open_data(job.samples).head(job.batch_size)
    if len(batch) < job.batch_size:
        count = len(batch)
        cause = f"{job.samples} has {count} samples, but latency.batch_size is {job.batch_size}"
        raise JobError(cause, f"write {count} or less")
    named = named_inputs(batch.x, {name: each.shape for name, each in inputs.items()})
    return {name: inputs[name].to_served(values) for name, values in named.items()}

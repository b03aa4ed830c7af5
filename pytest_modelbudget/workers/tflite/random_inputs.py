"""Inputs for models that must run where no data are needed: random, or all of one value."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from ai_edge_litert.tools.flatbuffer_utils import ModelT
from numpy.typing import DTypeLike

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.graph import scale_of
from pytest_modelbudget.workers.tflite.tensors import TensorDetails, Values
from pytest_modelbudget.workers.tflite.tflite_file import operator_name, tensor_type
from pytest_modelbudget.workers.userdata.datasets import Array

Range = tuple[float, float]
"""The lowest and the highest value."""


def random_values(
    shape: Sequence[int],
    dtype: DTypeLike,
    generator: np.random.Generator,
    *,
    limits: Range = (0.0, 1.0),
    is_quantized: bool = False,
) -> Array:
    """Return random values for one input.

    Args:
        shape: Without open sizes.
        dtype: Of the input.
        generator: The source of the values.
        limits: The range of float values.
        is_quantized: Whether integers stand for real values. Then they are any of the dtype; else
            they are 0 or 1, because they may be indices into a table of unknown size.

    Returns:
        An array of ``dtype``. Text is ``0`` or ``1``.
    """
    dtype = np.dtype(dtype)
    values: Any
    if is_quantized and dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        values = generator.integers(bounds.min, bounds.max, shape, endpoint=True)
    elif dtype.kind in "iubS":
        values = generator.integers(0, 2, shape)
    else:
        values = generator.uniform(*limits, shape)
    return cast("Array", values.astype(dtype))


def random_sample(litert: Any, seed: int, ranges: Mapping[int, Range]) -> Values:
    """Return one random sample for a model.

    Args:
        litert: An interpreter of LiteRT, allocated.
        seed: The same seed gives the same sample.
        ranges: The ranges of float inputs, by index; 0 to 1 for the others.
    """
    generator = np.random.default_rng(seed)
    return {
        each["index"]: random_values(
            each["shape"],
            each["dtype"],
            generator,
            limits=ranges.get(each["index"], (0.0, 1.0)),
            is_quantized=each["quantization"][0] != 0,
        )
        for each in litert.get_input_details()
    }


def random_invocation(inputs: Mapping[str, TensorDetails], batch: int) -> dict[str, Array]:
    """Return the inputs of one invocation, by name, the same ones each time.

    Args:
        inputs: Those of the model.
        batch: How many samples one invocation takes.

    Raises:
        JobError: if an input has an open dimension beside the batch, or does not take real numbers.
    """
    generator = np.random.default_rng(0)
    return {name: _random_input(tensor, batch, generator) for name, tensor in inputs.items()}


def _random_input(tensor: TensorDetails, batch: int, generator: np.random.Generator) -> Array:
    shape = [batch, *tensor.shape[1:]]
    if min(shape) < 0:
        cause = (
            f"input {tensor.name} has the open shape {tensor.shape}, and what is measured "
            "depends on its size"
        )
        raise JobError(cause, "convert the model with every dimension fixed but the batch")
    if tensor.dtype.kind not in "iubf":
        kind = "complex numbers" if tensor.dtype.kind == "c" else "strings"
        cause = f"input {tensor.name} takes {kind}, and random inputs are numbers only"
        raise JobError(cause, "gate the part of the model that takes numbers")
    return random_values(shape, tensor.dtype, generator, is_quantized=tensor.scale != 0)


def constant_sample(litert: Any, value: int) -> Values:
    """Return inputs for an allocated interpreter of LiteRT in which every element is ``value``."""
    return {
        each["index"]: np.full(each["shape"], value, each["dtype"])
        for each in litert.get_input_details()
    }


def quantized_ranges(model: ModelT) -> dict[int, Range]:
    """Return the ranges of the float inputs that a QUANTIZE of the model reads, by index."""
    graph = model.subgraphs[0]
    ranges: dict[int, Range] = {}
    for operator in graph.operators:
        if operator_name(model, operator) == "QUANTIZE" and operator.inputs[0] in graph.inputs:
            quantized = graph.tensors[operator.outputs[0]]
            limits = np.iinfo(tensor_type(quantized))
            zero, scale = int(quantized.quantization.zeroPoint[0]), scale_of(quantized)
            found = (limits.min - zero) * scale, (limits.max - zero) * scale
            ranges.setdefault(operator.inputs[0], found)
    return ranges

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pytest_modelbudget.workers.tflite.random_inputs import (
    constant_sample,
    quantized_ranges,
    random_sample,
    random_values,
)
from pytest_modelbudget.workers.tflite.runs import open_model
from pytest_modelbudget.workers.tflite.tflite_file import parse
from tests.workers.flatbuffers import add, edited, emptied, tensor

SHAPE = (1000,)


@pytest.mark.parametrize(
    ("dtype", "is_quantized", "lowest", "highest"),
    [
        ("float32", False, 0, 1),
        ("float16", False, 0, 1),
        ("int8", True, -128, 127),
        ("uint8", True, 0, 255),
        ("int32", False, 0, 1),
        ("bool", False, 0, 1),
    ],
)
def test_values_fill_the_range_of_an_input(
    dtype: str, is_quantized: bool, lowest: int, highest: int
) -> None:
    generator = np.random.default_rng(0)
    values = random_values(SHAPE, dtype, generator, is_quantized=is_quantized)

    assert (values.dtype.name, values.shape) == (dtype, SHAPE)
    margin = (highest - lowest) / 50
    assert lowest <= values.min() <= lowest + margin
    assert highest - margin <= values.max() <= highest


def quantize(model: Any) -> None:
    stored = tensor((1, 1000), "INT8")
    stored.quantization = schema.QuantizationParametersT(scale=[0.5], zeroPoint=[-128])
    emptied(model, tensor((1, 1000)), stored)
    add(model, "QUANTIZE", [0], 1)


def test_a_float_input_has_the_range_that_it_is_quantized_to(tmp_path: Path) -> None:
    model = edited(tmp_path / "range.tflite", quantize).read_bytes()
    litert = open_model(model)
    litert.allocate_tensors()
    ranges = quantized_ranges(parse(model))
    (values,) = random_sample(litert, 0, ranges).values()
    (again,) = random_sample(litert, 0, ranges).values()
    (other,) = random_sample(litert, 1, ranges).values()
    (ones,) = constant_sample(litert, 1).values()

    assert ranges == {0: (0.0, 127.5)}
    assert 0 <= values.min() < 2 < 125 < values.max() <= 127.5
    np.testing.assert_array_equal(values, again)
    assert (values != other).any()
    assert (ones.shape, ones.dtype.name, {*ones.flat}) == ((1, 1000), "float32", {1.0})

import numpy as np
import pytest
from numpy.typing import DTypeLike

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.tensors import TensorDetails


def tensor(dtype: DTypeLike, scale: float = 0.0, zero_point: int = 0) -> TensorDetails:
    return TensorDetails("in", (-1, 2), np.dtype(dtype), scale, zero_point)


@pytest.mark.parametrize(
    ("dtype", "zero_point", "stored"),
    [
        ("int8", -10, [-128, -12, -10, -8, 127]),
        ("uint8", 10, [0, 8, 10, 12, 255]),
        ("int16", 0, [-2000, -2, 0, 2, 2000]),
    ],
)
def test_real_values_are_rounded_and_saturated(
    dtype: str, zero_point: int, stored: list[int]
) -> None:
    found = tensor(dtype, 0.5, zero_point).to_stored(np.array([-1000, -0.9, 0.1, 1.1, 1000]))
    assert found.dtype == dtype
    assert found.tolist() == stored


def test_integers_given_to_a_quantized_input_are_real_values() -> None:
    found = tensor("int8", 2.0, -128).to_stored(np.array([0, 100, 255], np.uint8))
    assert found.tolist() == [-128, -78, 0]


def test_quantized_outputs_become_real() -> None:
    found = tensor("uint8", 0.5, 10).to_real(np.array([0, 10, 255], np.uint8))
    assert found.dtype == np.float32
    assert found.tolist() == [-5.0, 0.0, 122.5]


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64", "float16", "bool"])
def test_a_float_input_takes_any_number(dtype: str) -> None:
    found = tensor("float32").to_stored(np.array([0, 1]).astype(dtype))
    assert found.dtype == np.float32
    assert found.tolist() == [0.0, 1.0]


def test_an_index_input_takes_whole_numbers_of_any_type() -> None:
    assert tensor("int32").to_stored(np.array([3.0, 7.0])).dtype == np.int32


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.array([1.0, 2.5], np.float32), "float32 values such as 2.5"),
        (np.array([1, 2**40]), "int64 values such as 1099511627776"),
        (np.array([1.0, 1e30]), "float64 values such as 1e+30"),
    ],
)
def test_an_index_input_refuses_what_it_would_change(
    values: np.ndarray[tuple[int], np.dtype[np.float32]], found: str
) -> None:
    with pytest.raises(JobError) as error:
        tensor("int32").to_stored(values)
    assert str(error.value) == f"input in takes int32, but x has {found}; give x as int32"

import numpy as np
import pytest

from pytest_modelbudget.workers.tflite.compare import first_difference, relative_difference

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        ([1.0, -4.0], [1.0, -4.0], 0.0),
        ([1.0, -4.0], [1.5, -4.0], 0.125),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([0.0, 0.0], [0.0, 1e-9], INF),
        ([1.0, NAN], [1.0, NAN], 0.0),
        ([2.0, INF], [1.0, INF], 0.5),
        ([1.0, 2.0], [1.0, NAN], INF),
        ([1.0, 2.0], [1.0, INF], INF),
        ([1.0, NAN], [1.0, 2.0], INF),
        ([1.0, INF], [1.0, -INF], INF),
        ([NAN, NAN], [NAN, NAN], 0.0),
        ([[1.0], [2.0]], [1.0, 2.0], INF),
        ([], [], 0.0),
    ],
)
def test_differences_are_relative_to_the_largest_value_expected(
    expected: list[float], found: list[float], difference: float
) -> None:
    assert relative_difference(expected, found) == difference


def test_the_first_output_beyond_the_tolerance() -> None:
    expected = {"a": [1.0], "b": [1.0], "c": [1.0]}
    found = {"c": [3.0], "b": [1.5], "a": [1.25]}

    assert first_difference(expected, found, 0.25) == ("b", 0.5)
    assert first_difference(expected, found, 2.0) is None

from pathlib import Path

import numpy as np
import pytest

from benchmarks.reference import data
from example_project import data as digits
from pytest_modelbudget.budgetfile.load import load

BENCHMARKS = Path(data.__file__).parents[1]


@pytest.mark.parametrize(
    "path", sorted(BENCHMARKS.rglob("*.budget.yaml")), ids=lambda path: path.name
)
def test_every_budget_file_is_valid(path: Path) -> None:
    for budget in load(path):
        assert budget.limits


def test_images_and_labels_have_the_shapes_types_and_range_said() -> None:
    for (x, y), count in [(data.train(), 3988), (data.test(), 800)]:
        assert (x.shape, x.dtype.name) == ((count, 28, 28, 1), "float32")
        assert (y.shape, y.dtype.name) == ((count,), "int64")
        assert 0 <= np.min(x) < 0.1
        assert 0.9 < np.max(x) <= 1


def test_an_enlarged_image_is_the_small_one_between_the_pixels() -> None:
    small, large = digits.test()[0][:5], data.test()[0][:5]
    between = small[:, :2, :2].mean(axis=(1, 2))  # pixel 3 of 28 lies between 0 and 1 of 8
    np.testing.assert_allclose(large[:, 0, 0], small[:, 0, 0])
    np.testing.assert_allclose(large[:, 3, 3], between, rtol=1e-6)
    np.testing.assert_allclose(large[:, -1, -1], small[:, -1, -1])


def test_the_training_images_come_unmoved_first_and_moved_copies_keep_their_labels() -> None:
    x, y = data.train()
    _, labels = digits.train()
    assert np.array_equal(y, np.tile(labels, 4))
    ink, moved = x[:997].sum(axis=(1, 2, 3)), x[997:1994].sum(axis=(1, 2, 3))
    assert not np.array_equal(x[:997], x[997:1994])
    assert np.corrcoef(ink, moved)[0, 1] > 0.9


def test_the_data_is_the_same_every_time() -> None:
    np.testing.assert_array_equal(data.train()[0], data.train()[0])

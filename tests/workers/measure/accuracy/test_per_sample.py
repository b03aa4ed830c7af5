from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.measure.accuracy.per_sample import ColumnWriter, read_columns


def test_columns_of_any_name_come_back_whole(tmp_path: Path) -> None:
    rows = np.arange(60_000, dtype=np.float32).reshape(-1, 3)
    with ColumnWriter(tmp_path) as columns:
        for batch in np.array_split(rows, 7):
            columns.append({"y_pred.a/b": batch, "right": batch[:, 0] > 5})
    found = read_columns(tmp_path)
    np.testing.assert_array_equal(found["y_pred.a/b"], rows)
    np.testing.assert_array_equal(found["right"], rows[:, 0] > 5)


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (np.zeros((2, 3), np.int64), "int64 of shape (3,)"),
        (np.zeros((2, 4), np.float32), "float32 of shape (4,)"),
    ],
)
def test_a_column_that_changes_is_refused(tmp_path: Path, later: Any, found: str) -> None:
    with ColumnWriter(tmp_path) as columns:
        columns.append({"y_true": np.zeros((5, 3), np.float32)})
        with pytest.raises(JobError) as error:
            columns.append({"y_true": later})
    assert str(error.value) == (
        f"y_true changes at sample 5 from float32 of shape (3,) to {found}; "
        "return the same dtype and shape in every batch"
    )

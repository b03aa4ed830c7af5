from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.types import FileSource
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.userdata.datasets import open_data
from tests.workers.userdata.test_datasets import X, Y, check_whole


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("x", [X, np.asfortranarray(X)], ids=["C", "Fortran"])
def test_npz(tmp_path: Path, save: Any, x: np.ndarray[Any, Any]) -> None:
    save(tmp_path / "data.npz", x=x, y=Y)
    check_whole(open_data(FileSource(path=tmp_path / "data.npz")))


def file_failure(path: Path) -> str:
    with pytest.raises(JobError) as error:
        list(open_data(FileSource(path=path)).batches(4))
    return str(error.value).replace(str(path), "FILE")


def test_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    hint = "write it with numpy.savez(path, x=x, y=y)"
    assert file_failure(path) == "FILE: there is no such file; correct the path"
    assert file_failure(tmp_path) == (
        f"FILE: is not a readable .npz: [Errno 21] Is a directory: 'FILE'; {hint}"
    )
    path.write_bytes(b"random bytes")
    assert file_failure(path) == f"FILE: is not a readable .npz: File is not a zip file; {hint}"
    np.savez(path, images=X, y=Y)
    assert file_failure(path) == f"FILE: has no x; it holds images, y; {hint}"
    np.savez(path)
    assert file_failure(path) == f"FILE: has no x and no y; it holds nothing; {hint}"
    np.savez(path, x=X, y=Y[:3])
    assert file_failure(path) == (
        "FILE: lengths differ: x has 10 and y has 3 samples; give one y for each x"
    )
    np.savez(path, x=X, y=np.array([None] * 10))
    assert file_failure(path).startswith("FILE: y has dtype object, not numbers; ")
    np.savez(path, x=X, y=np.array(3))
    assert file_failure(path) == (
        "FILE: y is one int64 value, not an array of samples; its first axis must be the sample"
    )
    np.savez(path, x=X[:0], y=Y[:0])
    assert file_failure(path) == "FILE: has no samples; give at least one sample"


def test_a_damaged_npz(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=X, y=Y)
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(X.tobytes())] ^= 1
    path.write_bytes(damaged)
    assert file_failure(path) == (
        "FILE: is not a readable .npz: Bad CRC-32 for file 'x.npy'; "
        "write it with numpy.savez(path, x=x, y=y)"
    )

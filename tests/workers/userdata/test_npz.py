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
    assert file_failure(path) == "FILE: the file does not exist; correct the path"
    assert file_failure(tmp_path) == (
        f"FILE: the file cannot be read as .npz: [Errno 21] Is a directory: 'FILE'; {hint}"
    )
    path.write_bytes(b"random bytes")
    assert file_failure(path) == (
        f"FILE: the file cannot be read as .npz: File is not a zip file; {hint}"
    )
    np.savez(path, images=X, y=Y)
    assert file_failure(path) == f"FILE: the file lacks x; it contains images, y; {hint}"
    np.savez(path)
    assert file_failure(path) == f"FILE: the file lacks x and y; it contains no arrays; {hint}"
    np.savez(path, x=X, y=Y[:3])
    assert file_failure(path) == (
        "FILE: lengths differ: x has 10 and y has 3 samples; save one y for each x"
    )
    np.savez(path, x=X, y=np.array([None] * 10))
    assert file_failure(path) == (
        "FILE: y has dtype object, which is not numeric; "
        "encode labels as numbers, and pad rows to one length"
    )
    np.savez(path, x=X, y=np.array(3))
    assert file_failure(path) == (
        "FILE: y is a single int64 value, not an array of samples; make the sample the first axis"
    )
    np.savez(path, x=X[:0], y=Y[:0])
    assert file_failure(path) == "FILE: there are no samples; return at least one sample"


def test_a_damaged_npz(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=X, y=Y)
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(X.tobytes())] ^= 1
    path.write_bytes(damaged)
    assert file_failure(path) == (
        "FILE: the file cannot be read as .npz: Bad CRC-32 for file 'x.npy'; "
        "write it with numpy.savez(path, x=x, y=y)"
    )

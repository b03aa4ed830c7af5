"""The columns that an evaluation stores of each sample: ``.npy`` files, written by batches."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote

import numpy as np
from numpy.lib import format as npy

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.measure.accuracy.metrics import Columns
from pytest_modelbudget.workers.userdata.datasets import Array


class ColumnWriter:
    """Writes columns as one ``.npy`` file each; the files are valid after the ``with`` block.

    Args:
        folder: The existing folder of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _GrowingArray] = {}
        self._stack = ExitStack()

    def append(self, columns: Columns) -> None:
        """Append the samples of one batch.

        Raises:
            JobError: If the dtype, or the shape of one sample, differs from the batches before.
        """
        for name, array in columns.items():
            if name not in self._files:
                growing = _GrowingArray(self._folder / f"{quote(name, safe='')}.npy", array)
                self._files[name] = self._stack.enter_context(growing)
            self._files[name].append(name, array)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


def read_columns(folder: Path) -> Columns:
    """Return the columns that a ``ColumnWriter`` wrote to ``folder``, memory-mapped."""
    return {
        unquote(file.stem): np.asarray(np.load(file, mmap_mode="r"))
        for file in sorted(folder.glob("*.npy"))
    }


class _GrowingArray:
    """An ``.npy`` file of unknown length.

    The header is overwritten at the end; numpy pads headers so that a longer axis 0 fits in.
    """

    def __init__(self, path: Path, first: Array) -> None:
        self._dtype, self._sample, self._length = first.dtype, first.shape[1:], 0
        self._file = path.open("wb")
        self._write_header()

    def append(self, name: str, array: Array) -> None:
        if (array.dtype, array.shape[1:]) != (self._dtype, self._sample):
            raise JobError(
                f"{name} changes at sample {self._length} from {self._dtype} of shape "
                f"{self._sample} to {array.dtype} of shape {array.shape[1:]}",
                "return the same dtype and shape in every batch",
            )
        self._file.write(np.ascontiguousarray(array).data)
        self._length += len(array)

    def _write_header(self) -> None:
        header = {
            "descr": npy.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._length, *self._sample),
        }
        npy.write_array_header_1_0(self._file, header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.close()

"""Reads ``x`` and ``y`` of an ``.npz`` in batches, without loading the whole file."""

import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.userdata.batches import Array, Batch, check_dtype, single_value


def read_batches(path: Path, size: int) -> Iterator[Batch]:
    """Yield batches of ``size`` samples; the last may be shorter.

    Raises:
        JobError: If the file is missing, damaged or not an ``.npz``, if ``x`` or ``y`` is missing
            or not numeric, or if their lengths differ.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _rows(archive, size)
    except FileNotFoundError:
        raise JobError("the file does not exist", "correct the path") from None
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        hint = "write it with numpy.savez(path, x=x, y=y)"
        raise JobError(f"the file cannot be read as .npz: {error}", hint) from error


def _rows(archive: zipfile.ZipFile, size: int) -> Iterator[Batch]:
    names = {name.removesuffix(".npy") for name in archive.namelist()}
    if missing := [name for name in ("x", "y") if name not in names]:
        found = ", ".join(sorted(names)) or "no arrays"
        hint = "write it with numpy.savez(path, x=x, y=y)"
        raise JobError(f"the file lacks {' and '.join(missing)}; it contains {found}", hint)
    with archive.open("x.npy") as x_member, archive.open("y.npy") as y_member:
        x_length, read_x = _open_array("x", x_member)
        y_length, read_y = _open_array("y", y_member)
        if x_length != y_length:
            cause = f"lengths differ: x has {x_length} and y has {y_length} samples"
            raise JobError(cause, "save one y for each x")
        for start in range(0, x_length, size):
            stop = min(start + size, x_length)
            yield Batch(read_x(start, stop), read_y(start, stop))


def _open_array(name: str, member: IO[bytes]) -> tuple[int, Callable[[int, int], Array]]:
    """Return the number of rows, and a function that reads rows, to be called in their order."""
    version = npy.read_magic(member)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = read_header(member)
    check_dtype(name, dtype)
    if not shape:
        raise single_value(name, dtype)
    if fortran_order:  # every row is spread over the whole member, so read all of it
        whole = np.frombuffer(member.read(), dtype).reshape(shape[::-1]).transpose()
        return shape[0], lambda start, stop: whole[start:stop]
    row_bytes = dtype.itemsize * math.prod(shape[1:])

    def read_rows(start: int, stop: int) -> Array:
        data = member.read(row_bytes * (stop - start))
        return np.frombuffer(data, dtype).reshape(stop - start, *shape[1:])

    return shape[0], read_rows

"""An artifact as one stream of bytes, and its deflated size: a folder becomes an archive.

The archive has no times and no owners, so equal files give equal bytes.
"""

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_modelbudget.protocol.digests import files_below

_LEVEL = 9


def gzip_bytes(path: Path) -> int:
    """Return the size of a file, or of the tar archive of a folder, deflated at level 9."""
    if not path.is_dir():
        return len(gzip.compress(path.read_bytes(), compresslevel=_LEVEL, mtime=0))
    counter = _Counter()
    with (
        gzip.GzipFile("", "wb", _LEVEL, counter, mtime=0) as deflated,
        tarfile.open(fileobj=deflated, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        for _ in _add_files(path, archive):
            pass
    return counter.size_bytes


def tar_archive(folder: Path) -> tuple[bytes, dict[str, int]]:
    """Return the archive of a folder, and where in it the content of each file begins."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        starts = dict(_add_files(folder, archive))
    return buffer.getvalue(), starts


def _add_files(folder: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, int]]:
    """Add all files of a folder, and yield the name of each and where its content begins."""
    for file in files_below(folder):
        entry = tarfile.TarInfo(file.relative_to(folder).as_posix())
        entry.size = file.stat().st_size
        with file.open("rb") as content:
            archive.addfile(entry, content)
        blocks = -(-entry.size // tarfile.BLOCKSIZE)
        yield entry.name, archive.offset - blocks * tarfile.BLOCKSIZE


class _Counter(io.RawIOBase):
    """Counts what is written to it: an archive of some GB need not be in memory."""

    size_bytes = 0

    def write(self, content: Any) -> int:
        """Count the bytes of ``content``."""
        self.size_bytes += len(content)
        return len(content)

"""The deflated size of an artifact; that of a folder is the size of a reproducible archive."""

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

from pytest_modelbudget.protocol.digests import files_below

_LEVEL = 9


def gzip_bytes(path: Path) -> int:
    """Return the size of a file, or of the tar archive of a folder, deflated at level 9.

    The archive has no times and no owners, so equal files give equal sizes.
    """
    if not path.is_dir():
        return len(gzip.compress(path.read_bytes(), compresslevel=_LEVEL, mtime=0))
    counter = _Counter()
    with (
        gzip.GzipFile("", "wb", _LEVEL, counter, mtime=0) as deflated,
        tarfile.open(fileobj=deflated, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        for file in files_below(path):
            entry = tarfile.TarInfo(file.relative_to(path).as_posix())
            entry.size = file.stat().st_size
            with file.open("rb") as content:
                archive.addfile(entry, content)
    return counter.size_bytes


class _Counter(io.RawIOBase):
    """Counts what is written to it: an archive of some GB need not be in memory."""

    size_bytes = 0

    def write(self, content: Any) -> int:
        """Count the bytes of ``content``."""
        self.size_bytes += len(content)
        return len(content)

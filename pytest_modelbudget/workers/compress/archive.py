"""One reproducible archive of a folder: equal files give equal bytes."""

import gzip
import io
import tarfile
from pathlib import Path

from pytest_modelbudget.protocol.digests import files_below


def packed(path: Path) -> bytes:
    """Return a file, or the tar archive of the files below a folder, without times and owners."""
    if not path.is_dir():
        return path.read_bytes()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for file in files_below(path):
            entry = tarfile.TarInfo(file.relative_to(path).as_posix())
            entry.size = file.stat().st_size
            with file.open("rb") as content:
                archive.addfile(entry, content)
    return buffer.getvalue()


def gzip_bytes(path: Path) -> int:
    """Return the size of a file or of the archive of a folder, deflated at level 9."""
    return len(gzip.compress(packed(path), compresslevel=9, mtime=0))

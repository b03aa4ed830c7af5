"""SHA-256 of files, and of values as canonical JSON."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path


def digest(content: object) -> str:
    """Return the SHA-256 of the canonical JSON of ``content``; it names what depends on that."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of the file at ``path``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder that is not a folder, in the order of their names."""
    yield from (
        path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()
    )


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and digests of the files below a folder."""
    if not path.is_dir():
        return file_digest(path)
    files = files_below(path)
    return digest({file.relative_to(path).as_posix(): file_digest(file) for file in files})

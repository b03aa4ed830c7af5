"""SHA-256 of files, and of values as canonical JSON."""

import hashlib
import json
from pathlib import Path


def digest(content: object) -> str:
    """Return the SHA-256 of the canonical JSON of ``content``; it names what depends on that."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of the file at ``path``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

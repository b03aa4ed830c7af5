"""How paths are written for people."""

from pathlib import Path


def as_seen(path: Path) -> str:
    """Return ``path`` relative to the working directory if it lies below it, as compilers do."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)

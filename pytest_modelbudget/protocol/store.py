"""The content-addressed store: artifacts and measurements, filed under what they were made from.

An entry is a folder of files under its key. It is added as a whole, and verified against its
own digests before it is used, so that a full disk, a killed process or a flipped bit costs a
rebuild and never gives a wrong number.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.frozen import Frozen

MANIFEST = "entry.json"


class StoreError(ModelBudgetError):
    """The cache directory cannot be used."""


class Manifest(Frozen):
    """When an entry was made (seconds since the epoch), and the SHA-256 of each of its files."""

    created_s: float
    sha256: dict[str, str]


@dataclass(frozen=True)
class Entry:
    """A verified entry: its key, its folder, and the SHA-256 of each file in it."""

    key: str
    path: Path
    sha256: dict[str, str]


def digest(content: object) -> str:
    """Return the key of ``content``: the SHA-256 of its canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of the file at ``path``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Store:
    """The entries below one directory, shared by any number of processes.

    Args:
        root: The directory; made when the first entry or task is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, key: str, made_after_s: float = 0.0) -> Entry | None:
        """Return the verified entry of ``key``, or None if it is missing or damaged.

        Args:
            key: A content key, from ``digest``.
            made_after_s: Seconds since the epoch; an older entry does not count.
        """
        folder = self._folder(key)
        try:
            manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
            intact = all(
                file_digest(folder / name) == sha256 for name, sha256 in manifest.sha256.items()
            )
        except (OSError, ValidationError):
            return None
        if not intact or manifest.created_s < made_after_s:
            return None
        with suppress(OSError):  # A read-only cache can still be used.
            os.utime(folder)
        return Entry(key, folder, manifest.sha256)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Lock ``key`` for this process; the kernel releases it if the process dies."""
        with FileLock(self._made("locks") / f"{key}.lock"):
            yield

    @contextmanager
    def adding(self, key: str) -> Iterator[Path]:
        """Yield an empty folder that becomes the entry of ``key`` and replaces an older one.

        Call it inside ``lock(key)``. If the body raises, no file remains.
        """
        staged = self._made("staging") / key
        shutil.rmtree(staged, ignore_errors=True)
        try:
            staged.mkdir()
            yield staged
            digests = {file.name: file_digest(file) for file in sorted(staged.iterdir())}
            manifest = Manifest(created_s=time.time(), sha256=digests)
            (staged / MANIFEST).write_text(manifest.model_dump_json())
            folder = self._folder(key)
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            staged.rename(folder)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def sweep(self, key: str) -> None:
        """Remove the incomplete entry of a killed worker, unless another process is making it."""
        with suppress(Timeout), FileLock(self._made("locks") / f"{key}.lock", timeout=0):
            shutil.rmtree(self.root / "staging" / key, ignore_errors=True)

    def task_folder(self, name: str) -> Path:
        """Return a new folder for a task that runs in a worker, its log and its outcome."""
        tasks = self._made("tasks")
        number = 1
        while True:
            folder = tasks / f"{name}-{number}"
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
            else:
                return folder

    def keys(self) -> list[str]:
        """Return the keys of all entries, verified or not."""
        return [folder.name for folder in self._entries()]

    def prune(self, unused_s: float) -> int:
        """Delete entries that were not used for ``unused_s`` seconds, and return their number."""
        before_s = time.time() - unused_s
        old = [folder for folder in self._entries() if folder.stat().st_mtime <= before_s]
        left = [task for task in self.root.glob("tasks/*") if task.stat().st_mtime <= before_s]
        for folder in [*old, *left]:
            shutil.rmtree(folder, ignore_errors=True)
        return len(old)

    def _entries(self) -> list[Path]:
        return sorted(self.root.glob("entries/*/*"))

    def _folder(self, key: str) -> Path:
        return self.root / "entries" / key[:2] / key

    def _made(self, name: str) -> Path:
        folder = self.root / name
        if not folder.is_dir():
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (self.root / ".gitignore").write_text("*\n")
                (self.root / "CACHEDIR.TAG").write_text(
                    "Signature: 8a477f597d28d172789f06886806bc55\n"
                )
            except OSError as error:
                raise StoreError(
                    f"the cache directory {self.root} cannot be written: {error.strerror}; "
                    "name another with --budget-cache DIR"
                ) from error
        return folder

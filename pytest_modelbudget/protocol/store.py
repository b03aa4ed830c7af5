"""The store: artifacts and measurements, filed under what the budget file says of them.

An entry is a folder of files under its key; they may lie in folders of it. It is added as a
whole, and verified against its own digests before it is used, so that a full disk, a killed
process or a flipped bit costs a rebuild and never gives a wrong number.

A key may have several entries, each made from other files or packages: an entry is found only
while all that it was made from is as it was (``dependencies.py``).
"""

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
from pytest_modelbudget.protocol.dependencies import Dependencies
from pytest_modelbudget.protocol.digests import digest, file_digest, files_below
from pytest_modelbudget.protocol.surroundings import Surroundings

MANIFEST, DEPENDENCIES = "entry.json", "dependencies.json"


class StoreError(ModelBudgetError):
    """The cache directory cannot be used."""


class Manifest(Frozen):
    """The session in which an entry was made, and the SHA-256 of each of its files.

    ``sha256`` has the path of each file, relative to the entry.
    """

    session: str
    sha256: dict[str, str]


@dataclass(frozen=True)
class Entry:
    """A verified entry: its folder, the SHA-256 of each file in it, and what it was made from."""

    path: Path
    session: str
    sha256: dict[str, str]
    dependencies: Dependencies

    @property
    def content(self) -> str:
        """A digest of its files; what they were made from does not count."""
        return digest({name: each for name, each in self.sha256.items() if name != DEPENDENCIES})

    def digest_of(self, name: str) -> str:
        """Return the ``content_digest`` of a file or folder in it."""
        return _digest_of(self.sha256, name)


class Store:
    """The entries below one directory, shared by any number of processes.

    Args:
        root: The directory; made when the first entry or task is written.
        session: Names the session of pytest, the same in all its processes.
        rebuild: Whether entries of other sessions do not count.
    """

    def __init__(self, root: Path, session: str = "", *, rebuild: bool = False) -> None:
        self.root = root
        self._session = session
        self._rebuild = rebuild

    def find(self, key: str, surroundings: Surroundings | None) -> Entry | None:
        """Return an entry of ``key`` that can be used, or None if there is none.

        Args:
            key: From ``digest``.
            surroundings: What it must have been made from; None if it is made from its key alone.
        """
        for folder in self._folders(key):
            entry = _read(folder)
            if entry and self._counts(entry, surroundings):
                _mark_used(folder)
                return entry
        return None

    def find_content(self, sha256: str) -> Path | None:
        """Return a verified file or folder with this ``content_digest``, from any entry."""
        for folder in self.folders():
            with suppress(OSError, ValidationError):
                manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
                names = {name.partition("/")[0] for name in manifest.sha256}
                found = [name for name in names if _digest_of(manifest.sha256, name) == sha256]
                if found and _read(folder):
                    _mark_used(folder)
                    return folder / found[0]
        return None

    def first_change(self, key: str, surroundings: Surroundings | None) -> str:
        """Return why the entry of ``key`` that was made last cannot be used, in words.

        Returns:
            What it was made from and is no longer as it was; empty if that is not why.
        """
        entry = next(filter(None, map(_read, self._folders(key))), None)
        return surroundings.first_change(entry.dependencies) if entry and surroundings else ""

    def _counts(self, entry: Entry, surroundings: Surroundings | None) -> bool:
        is_of_session = entry.session == self._session
        if not is_of_session and (self._rebuild or entry.dependencies.undeclared):
            return False
        return surroundings is None or not surroundings.first_change(entry.dependencies)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Lock ``key`` for this process; the kernel releases it if the process dies."""
        lock = FileLock(self._made("locks") / f"{key}.lock")
        try:
            lock.acquire()
        except OSError as error:
            raise self._not_writable(error) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def adding(self, key: str) -> Iterator[Path]:
        """Yield an empty folder that becomes an entry of ``key``.

        It replaces an entry that was made from the same. Call it inside ``lock(key)``. If the
        body raises, no file remains.
        """
        staged = self.root / "staging" / key
        shutil.rmtree(staged, ignore_errors=True)
        try:
            self._made(f"staging/{key}")
            yield staged
            digests = {
                file.relative_to(staged).as_posix(): file_digest(file)
                for file in files_below(staged)
            }
            manifest = Manifest(session=self._session, sha256=digests)
            (staged / MANIFEST).write_text(manifest.model_dump_json())
            for other in self._folders(key):
                if _read(other) is None:
                    _remove(other)
            folder = self._folder(key) / digests.get(DEPENDENCIES, "alone")[:16]
            self._made(f"entries/{key[:2]}/{key}")
            _remove(folder)
            staged.rename(folder)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def sweep(self, key: str) -> None:
        """Remove the incomplete entry of a killed worker, unless another process is making it."""
        with suppress(Timeout), FileLock(self._made("locks") / f"{key}.lock", timeout=0):
            shutil.rmtree(self.root / "staging" / key, ignore_errors=True)

    def discard(self, key: str, entry: Entry) -> None:
        """Remove an entry of ``key``, unless another process has replaced it or is doing so."""
        with suppress(Timeout), FileLock(self._made("locks") / f"{key}.lock", timeout=0):
            if _read(entry.path) == entry:
                shutil.rmtree(entry.path, ignore_errors=True)

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
            except OSError as error:
                raise self._not_writable(error) from error
            else:
                return folder

    def folders(self) -> list[Path]:
        """Return the folders of all entries, verified or not."""
        return sorted(self.root.glob("entries/*/*/*"))

    def damaged(self) -> list[Path]:
        """Return the folders of the entries that cannot be verified."""
        return [folder for folder in self.folders() if _read(folder) is None]

    def prune(self, unused_s: float) -> int:
        """Delete entries that were not used for ``unused_s`` seconds, and return how many went."""
        before_s = time.time() - unused_s
        old = [folder for folder in self.folders() if folder.stat().st_mtime <= before_s]
        left = [task for task in self.root.glob("tasks/*") if task.stat().st_mtime <= before_s]
        for folder in [*old, *left]:
            shutil.rmtree(folder, ignore_errors=True)
        return sum(not folder.exists() for folder in old)

    def _folder(self, key: str) -> Path:
        return self.root / "entries" / key[:2] / key

    def _folders(self, key: str) -> list[Path]:
        """Return the folders of the entries of ``key``, the last one used first."""
        used = {}
        with suppress(OSError):
            used = {each: each.stat().st_mtime for each in self._folder(key).iterdir()}
        return sorted(used, key=lambda folder: used[folder], reverse=True)

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
                raise self._not_writable(error) from error
        return folder

    def _not_writable(self, error: OSError) -> StoreError:
        return StoreError(
            f"the cache directory {self.root} cannot be written: {error.strerror}; "
            "name another with --budget-cache=DIR"
        )


def _digest_of(sha256: dict[str, str], name: str) -> str:
    below = {
        file.removeprefix(f"{name}/"): each
        for file, each in sha256.items()
        if file.startswith(f"{name}/")
    }
    return digest(below) if below else sha256[name]


def _mark_used(folder: Path) -> None:
    with suppress(OSError):  # A read-only cache can still be used.
        os.utime(folder)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def _read(folder: Path) -> Entry | None:
    """Return the entry in ``folder``; None if it is damaged."""
    try:
        # Opening a named pipe would block until another process writes to it.
        files = list(files_below(folder))
        if not all(file.is_file() for file in files):
            return None
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        names = {file.relative_to(folder).as_posix() for file in files}
        if names != {MANIFEST, *manifest.sha256}:
            return None
        for name, sha256 in manifest.sha256.items():
            if file_digest(folder / name) != sha256:
                return None
        dependencies = Dependencies()
        if DEPENDENCIES in manifest.sha256:
            content = (folder / DEPENDENCIES).read_bytes()
            dependencies = Dependencies.model_validate_json(content)
    except (OSError, ValidationError):
        return None
    return Entry(folder, manifest.session, manifest.sha256, dependencies)

"""What is in the directory of ``--budget-artifacts``, and the list of what we copied."""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from pytest_modelbudget.errors import ModelBudgetError, as_seen
from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.protocol.digests import content_digest
from pytest_modelbudget.protocol.replacing import delete, replace_text, replacing
from pytest_modelbudget.report.record import CollectedVariant, Record
from pytest_modelbudget.report.row import Row

LIST = ".modelbudget-artifacts.json"


class FileList(Frozen):
    """The content of ``LIST``.

    Attributes:
        files: The path of each file that was copied, with the path of its budget file; both are
            relative to the directory.
    """

    version: Literal[1] = 1
    files: dict[str, str]


class ShippedFiles:
    """The files that this session and earlier ones have copied to ``directory``.

    No other file is ever removed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files = dict(read_list(directory).files)

    def add(self, variants: Iterable[CollectedVariant]) -> None:
        """List the files of ``variants``: before they are copied, because pytest may be killed."""
        for variant in variants:
            budget = os.path.relpath(variant.path, self._directory)
            self._files[variant.artifact_name] = budget
        self._write()

    def copy(self, variant: CollectedVariant, rows: Sequence[Row]) -> str:
        """Copy the artifact of ``variant``; return why that failed, or an empty text."""
        target = self._directory / variant.artifact_name
        artifact = rows[0].artifact
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as staged:
                _copy(Path(artifact), staged)
                if {row.sha256 for row in rows} != {content_digest(staged)}:
                    what = "is not the file that all its limits were judged on; run pytest again"
                    raise ModelBudgetError(f"{artifact} {what}")
        except (ModelBudgetError, OSError) as error:
            return str(error)
        return ""

    def remove(self, names: Iterable[str]) -> None:
        """Remove those of the files that are listed."""
        for name in names:
            if name in self._files:
                delete(self._directory / name)
                del self._files[name]
        self._write()

    def gone(self, record: Record) -> list[str]:
        """Return the files whose variants do not exist, if every collected limit ran."""
        if not record.is_whole():
            return []
        names = {each.artifact_name for each in record.collected}
        paths = {each.path for each in record.collected}

        def is_gone(name: str, budget: str) -> bool:
            path = os.path.normpath(self._directory / budget)
            return name not in names and (path in paths or not os.path.lexists(path))

        return [name for name, budget in self._files.items() if is_gone(name, budget)]

    def _write(self) -> None:
        path = self._directory / LIST
        if not self._files:
            path.unlink(missing_ok=True)
            return
        replace_text(path, FileList(files=self._files).model_dump_json(indent=2))


def read_list(directory: Path) -> FileList:
    """Return the list of what earlier sessions copied to ``directory``; empty without one.

    Raises:
        ModelBudgetError: If it is damaged, or names a file outside ``directory``.
    """
    path = directory / LIST
    try:
        found = FileList.model_validate_json(path.read_bytes())
        if not any(os.path.isabs(name) or ".." in Path(name).parts for name in found.files):
            return found
    except FileNotFoundError:
        return FileList(files={})
    except (OSError, ValidationError):
        pass
    raise ModelBudgetError(
        f"{as_seen(path)} is damaged, so it is not known which files --budget-artifacts copied; "
        "delete it, and delete the artifacts beside it"
    )


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Lock ``directory`` against other sessions that copy to it."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # Some network file systems cannot lock a directory.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _copy(artifact: Path, target: Path) -> None:
    if artifact.is_dir():
        shutil.copytree(artifact, target)
    else:
        shutil.copyfile(artifact, target)

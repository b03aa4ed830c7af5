"""What a ledger contained in the commits of its repository."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pytest_modelbudget.ledger.ledger_file import Ledger

MOST_COMMITS = 30
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class CommittedLedger:
    """A ledger in one commit.

    Attributes:
        commit: The abbreviated hash.
        date: Of the commit, such as ``2026-01-31``.
        ledger: The content.
    """

    commit: str
    date: str
    ledger: Ledger


def read_history(path: Path) -> tuple[CommittedLedger, ...]:
    """Return the ledger at ``path`` in the last commits that changed it, the oldest first.

    The result is empty without a ledger, git or a repository, and short in a shallow clone.
    Commits in which the ledger cannot be read are left out.
    """
    if not path.exists() or "\n" in path.name:  # git reads one name a line
        return ()
    with suppress(OSError, subprocess.SubprocessError):
        return tuple(_committed(path))
    return ()


def _committed(path: Path) -> Iterator[CommittedLedger]:
    log = _git(path, "log", f"--max-count={MOST_COMMITS}", "--format=%h %cs", "--", path.name)
    commits = [line.split(" ") for line in reversed(log.decode().splitlines())]
    names = "".join(f"{commit}:./{path.name}\n" for commit, _ in commits)
    contents = _contents(_git(path, "cat-file", "--batch", names=names))
    for (commit, date), text in zip(commits, contents, strict=True):
        with suppress(ValidationError):  # a commit may delete the file
            yield CommittedLedger(commit, date, Ledger.model_validate_json(text))


def _contents(batch: bytes) -> Iterator[bytes]:
    """Yield what ``git cat-file --batch`` found, in its order; nothing for what is missing."""
    while batch:
        head, _, batch = batch.partition(b"\n")
        size = head.rpartition(b" ")[2]
        end = int(size) if size.isdigit() else -1
        yield batch[: max(end, 0)]
        batch = batch[end + 1 :]  # a newline follows what was found


def _git(path: Path, *words: str, names: str = "") -> bytes:
    """Return what git prints for ``names``, run in the folder of ``path``."""
    done = subprocess.run(
        ["git", *words],
        cwd=path.parent,
        input=os.fsencode(names),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
        check=True,
    )
    return done.stdout

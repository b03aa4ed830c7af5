"""What a ledger contained in the commits of its repository."""

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
    if not path.exists():
        return ()
    with suppress(OSError, subprocess.SubprocessError):
        return tuple(_committed(path))
    return ()


def _committed(path: Path) -> Iterator[CommittedLedger]:
    log = _git(path, "log", f"--max-count={MOST_COMMITS}", "--format=%h %cs", "--", path.name)
    for line in reversed(log.decode().splitlines()):
        commit, _, date = line.partition(" ")
        # A commit may delete the file.
        with suppress(ValidationError, subprocess.CalledProcessError):
            text = _git(path, "cat-file", "blob", f"{commit}:./{path.name}")
            yield CommittedLedger(commit, date, Ledger.model_validate_json(text))


def _git(path: Path, *words: str) -> bytes:
    """Return what git prints, run in the folder of ``path``."""
    done = subprocess.run(
        ["git", *words],
        cwd=path.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
        check=True,
    )
    return done.stdout

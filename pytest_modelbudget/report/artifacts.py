"""Copies the artifacts of the variants of which every limit ran and passed."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from pytest_modelbudget.errors import ModelBudgetError, as_seen
from pytest_modelbudget.report.record import CollectedVariant, Record
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.report.shipped_files import ShippedFiles, locked, read_list

OUTCOMES = {
    "accepted": "was accepted into the ledger, and not judged",
    "exceeded": "failed",
    "unmeasured": "could not be measured",
    "error": "could not be built",
}


def check_directory(directory: Path) -> None:
    """Check that artifacts can be copied to ``directory``, before anything is built.

    Raises:
        ModelBudgetError: If no file can be written there, or if its list of files is damaged.
    """
    place = directory
    while not os.path.lexists(place):
        place = place.parent
    try:
        with TemporaryFile(dir=place):
            read_list(directory)
    except OSError as error:
        raise ModelBudgetError(
            f"artifacts cannot be copied to {as_seen(directory)}: {as_seen(place)} cannot be "
            f"written: {error.strerror}; name another directory with --budget-artifacts=DIR"
        ) from error


def write(directory: Path, record: Record) -> list[str]:
    """Copy each artifact of which every limit ran and passed to ``directory``.

    A file of an earlier session is removed if its variant ran in this session and is not copied.
    If every collected limit ran, it is also removed if its variant does not exist any more.

    Returns:
        What was copied, what was not and why, and what was removed.

    Raises:
        ModelBudgetError: If an artifact that passed cannot be copied as it was judged; the others
            are copied.
        OSError: If the directory cannot be written.
    """
    judged = record.judged()
    refused = {
        variant: _why_not(variant, rows) if record.is_judged else "nothing was judged"
        for variant, rows in judged.items()
    }
    passed = [variant for variant, reason in refused.items() if not reason]
    gone: list[str] = []
    if passed or directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True)
        with locked(directory):
            shipped = ShippedFiles(directory)
            shipped.add(passed)
            refused |= {variant: shipped.copy(variant, judged[variant]) for variant in passed}
            shipped.remove(each.artifact_name for each, reason in refused.items() if reason)
            shipped.remove(name for each in refused for name in each.other_names)
            gone = shipped.gone(record)
            shipped.remove(gone)
    copied, known = list(refused.values()).count(""), len({*judged, *record.collected})
    lines = [
        f"artifacts copied to {as_seen(directory)}: {copied} of {known}",
        *(f"not copied: {variant}: {reason}" for variant, reason in refused.items() if reason),
        *(f"removed: {as_seen(directory / name)}: its variant does not exist" for name in gone),
    ]
    if any(refused[variant] for variant in passed):
        raise ModelBudgetError("\n".join(lines))
    return lines


def _why_not(variant: CollectedVariant, rows: Sequence[Row]) -> str:
    """Return why the artifact is not copied; empty if every limit ran and passed."""
    if not variant.limits:
        return "pytest stopped before it was known whether every limit ran"
    failed = {row.name: OUTCOMES[row.outcome] for row in rows if row.outcome != "within"}
    not_run = dict.fromkeys(variant.left_out(rows), "did not run")
    return ", ".join(f"{name} {what}" for name, what in (failed | not_run).items())

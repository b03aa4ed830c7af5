"""Copies the artifacts of the variants whose every limit passed."""

import shutil
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from pytest_modelbudget.report.row import Row


def write(directory: Path, rows: Iterable[Row]) -> None:
    """Copy each artifact whose limits all passed to ``directory``.

    The file is named after the budget file and the variant: ``budgets/digits_cnn.int8.tflite``.
    A file of an earlier session is removed if its variant did not pass in this session.
    """
    ordered = sorted(rows, key=_subject)
    for (budget, variant), group in groupby(ordered, key=_subject):
        judged = list(group)
        stem = budget.partition(".budget.")[0]
        target = directory / ".".join(filter(None, [stem, variant, "tflite"]))
        target.unlink(missing_ok=True)
        if all(row.outcome == "within" for row in judged):
            target.parent.mkdir(parents=True, exist_ok=True)
            staged = target.with_suffix(".part")
            shutil.copyfile(judged[0].artifact, staged)
            staged.replace(target)


def _subject(row: Row) -> tuple[str, str]:
    return row.budget, row.variant

"""GitLab's code quality report: https://docs.gitlab.com/ci/testing/code_quality/."""

import json
from pathlib import Path
from typing import Any

from pytest_modelbudget.errors import as_seen
from pytest_modelbudget.protocol.digests import digest
from pytest_modelbudget.report.annotations import Annotation, of_rows
from pytest_modelbudget.report.record import Record
from pytest_modelbudget.report.text_file import write_file


def write(path: Path, record: Record) -> list[str]:
    """Write one entry for each limit that failed, and for each mistake in a budget file.

    Raises:
        OSError: If the file cannot be written.
    """
    entries = [_entry(annotation) for annotation in (*record.mistakes, *of_rows(record.rows))]
    write_file(path, json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    return [f"code quality report written to {as_seen(path)}"]


def _entry(annotation: Annotation) -> dict[str, Any]:
    """Return the entry; its fingerprint stays the same while the limit fails, by any amount."""
    return {
        "description": f"{annotation.subject}: {annotation.text.partition(chr(10))[0]}",
        "check_name": annotation.check,
        "fingerprint": digest([annotation.path, annotation.key]),
        "severity": "major",
        "location": {"path": annotation.path, "lines": {"begin": annotation.line}},
    }

"""The JSON report."""

from pathlib import Path

from pytest_modelbudget.errors import as_seen
from pytest_modelbudget.report.record import Record
from pytest_modelbudget.report.report_document import document
from pytest_modelbudget.report.text_file import write_file


def write(path: Path, record: Record) -> list[str]:
    """Write the document, and say where it is.

    Raises:
        OSError: If it cannot be written.
    """
    write_file(path, document(record).model_dump_json(indent=2) + "\n")
    return [f"JSON report written to {as_seen(path)}"]

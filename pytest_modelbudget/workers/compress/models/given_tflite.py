"""A ``.tflite`` that the user has made."""

from pathlib import Path

from pytest_modelbudget.workers.compress.models import formats
from pytest_modelbudget.workers.tflite.integrity import check_integrity
from pytest_modelbudget.workers.tflite.signature import gate_signature


def read_tflite(path: Path, signature: str) -> bytes:
    """Return the content, with the signature to gate as the first one.

    Raises:
        JobError: If the file does not exist, is no ``.tflite`` or is damaged, if it has no such
            signature, or if none of several is named.
    """
    formats.require(path, formats.starts_with(path, formats.TFLITE, offset=4), "a .tflite")
    content = path.read_bytes()
    check_integrity(content, str(path))
    return gate_signature(content, signature, str(path))

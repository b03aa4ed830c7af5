"""Recognizes model files by their content, without TensorFlow."""

from pathlib import Path

from pytest_modelbudget.errors import JobError

KERAS_MODEL = "model.keras"
"""The file in which a stage leaves a Keras model for the next one."""

QUANTIZED_MODEL = "quantized.h5"
"""The file in which quantization-aware training leaves its model.

It is not a ``.keras`` file, because that format counts the variables of tfmot's wrappers twice:
https://github.com/tensorflow/model-optimization/pull/1123
"""

SAVED_MODEL = "model.saved_model"
"""The folder in which a stage leaves a SavedModel."""

ZIP = b"PK\x03\x04"
HDF5 = b"\x89HDF\r\n\x1a\n"
TFLITE = b"TFL3"  # at offset 4 of a flatbuffer
_MAGICS = {
    ZIP: "a zip archive",
    HDF5: "an HDF5 file",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x1f\x8b": "a gzip file",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself",
}
_HINTS = {
    ".tflite": "name a file that a LiteRT or TensorFlow Lite converter wrote",
    ".keras": "name a file that model.save('name.keras') wrote",
    ".h5": "name a file that model.save('name.h5') wrote",
}


def found(path: Path) -> str:
    """Describe the content of a file or folder, such as ``a PNG image (3,021 bytes)``."""
    if path.is_dir():
        return "a folder without a saved_model.pb"
    size_bytes = path.stat().st_size
    if not size_bytes:
        return "an empty file"
    with path.open("rb") as file:
        start = file.read(32)
    kind = next((name for magic, name in _MAGICS.items() if start.startswith(magic)), None)
    if kind is None and start[4:8] == TFLITE:
        kind = "a .tflite"
    return f"{kind or f'data that begins with 0x{start[:8].hex()}'} ({size_bytes:,} bytes)"


def require(path: Path, fits: bool, expected: str) -> None:
    """Raise an error if a path does not exist, or if its content does not match its suffix.

    Args:
        path: The path of a model.
        fits: Whether the content is as expected.
        expected: The expected content, such as ``a .tflite``.

    Raises:
        JobError: If the path does not exist, or if ``fits`` is false.
    """
    if not path.exists():
        raise JobError(
            f"{path} does not exist", "correct the path; it is relative to the budget file"
        )
    if not fits:
        raise unexpected(path, expected)


def unexpected(path: Path, expected: str) -> JobError:
    """Return the error for a path whose content is not what ``expected`` describes."""
    hint = _HINTS.get(
        path.suffix.lower(), "name a .keras, .h5 or .tflite file, or a SavedModel folder"
    )
    return JobError(f"{path} is not {expected}; found {found(path)}", hint)


def starts_with(path: Path, magic: bytes, offset: int = 0) -> bool:
    """Return whether a file has ``magic`` at ``offset``, in bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(offset + len(magic))[offset:] == magic

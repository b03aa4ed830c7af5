from pathlib import Path

import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.export.artifact_contents import artifact_contents
from tests.workers.compress.export.test_keras_file_parts import keras_file
from tests.workers.flatbuffers import BLOBS


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "any").write_bytes(BLOBS.read_bytes())
    assert artifact_contents(tmp_path / "any").form == "the .tflite"
    assert artifact_contents(keras_file(tmp_path / "other")).form == "the .keras file"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("folder", "a folder without a saved_model.pb"),
        ("picture.png", "a PNG image (12 bytes)"),
        ("empty.tflite", "an empty file"),
        ("weights.h5", "an HDF5 file (8 bytes)"),
    ],
)
def test_what_is_not_an_artifact_is_named(name: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n0000")
    (tmp_path / "empty.tflite").touch()
    (tmp_path / "weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(JobError) as error:
        artifact_contents(tmp_path / name)
    assert str(error.value) == (
        f"{tmp_path / name} is not a .tflite, a .keras file or a SavedModel; found {found}"
    )

"""``.keras`` files written by hand, without Keras."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.export.keras_file_parts import (
    keras_file_contents,
    keras_file_parts,
)

CONFIG = {
    "class_name": "Sequential",
    "config": {
        "layers": [
            {"class_name": "Dense", "config": {"name": "first"}},
            {
                "class_name": "Sequential",
                "config": {
                    "name": "block",
                    "layers": [{"class_name": "Conv2D", "config": {"name": "inner"}}],
                },
            },
        ]
    },
}


def weights(**options: Any) -> bytes:
    buffer = io.BytesIO()
    random = np.random.default_rng(0)
    with h5py.File(buffer, "w") as file:
        for path, name in (
            ("layers/dense", "first"),
            ("layers/sequential", "block"),
            ("layers/sequential/layers/conv2d", "inner"),
        ):
            file.create_group(f"{path}/vars").attrs["name"] = name
        kernel = random.normal(size=(64, 32)).astype(np.float32)
        kernel[:16] = 0
        file.create_dataset("layers/dense/vars/0", data=kernel, **options)
        file.create_dataset(
            "layers/sequential/layers/conv2d/vars/0", data=np.ones((3, 3, 1, 8), np.float16)
        )
        file.create_dataset("optimizer/vars/0", data=np.zeros((64, 32), np.float32))
        file.create_dataset("layers/unnamed/vars/0", data=np.arange(3, dtype=np.int64))
    return buffer.getvalue()


def keras_file(path: Path, packing: int = zipfile.ZIP_STORED, **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.11.0"}))
        archive.writestr("config.json", json.dumps(CONFIG))
        archive.writestr("model.weights.h5", weights(**options))
        archive.writestr("assets/words/vocabulary.txt", "one\ntwo\n")
    return path


def test_each_variable_has_its_layer_and_bytes(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "model.keras")
    found = keras_file_contents(path)
    shown = [(each.layer, each.operator, each.dtype, each.size_bytes) for each in found.tensors]
    assert sorted(shown, reverse=True) == [
        ("optimizer", "optimizer", "float32", 8192),
        ("layers/unnamed", "", "int64", 24),
        ("first", "Dense", "float32", 8192),
        ("block/inner", "Conv2D", "float16", 144),
    ]
    kernel = next(each for each in found.tensors if each.layer == "first")
    assert (kernel.shape, kernel.sparsity, kernel.unique) == ((64, 32), 0.25, 48 * 32 + 1)
    assert kernel.gzip_bytes > 5000
    optimizer = next(each for each in found.tensors if each.layer == "optimizer")
    assert optimizer.gzip_bytes < 100
    others = {each.name: each.size_bytes for each in found.others}
    assert others["configuration"] == len(json.dumps(CONFIG))
    assert others["assets"] == 8
    assert found.size_bytes == path.stat().st_size
    assert found.gzip_bytes == len(gzip.compress(path.read_bytes(), 9, mtime=0))
    assert {each.name: each.size_bytes for each in keras_file_parts(path)} == {
        "layer variables": 8192 + 144 + 24,
        "optimizer variables": 8192,
        "configuration": others["configuration"],
        "assets": 8,
        "file structure and metadata": others["file structure and metadata"],
    }


def test_a_variable_in_a_compressed_file_has_its_share_of_it(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "model.keras", zipfile.ZIP_DEFLATED)
    found = {each.layer: each for each in keras_file_contents(path).tensors}
    assert 5000 < found["first"].size_bytes < 8192
    assert found["optimizer"].size_bytes < 100


def test_a_variable_in_compressed_chunks_has_what_they_take(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "model.keras", chunks=(16, 32), compression="gzip")
    kernel = next(e for e in keras_file_contents(path).tensors if e.layer == "first")
    assert 5000 < kernel.size_bytes < 8192
    assert kernel.sparsity == 0.25


def changed(path: Path, what: str) -> Path:
    content = path.read_bytes()
    if what == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif what == "weights":
        path.write_bytes(content.replace(b"\x89HDF", b"\x89PDF"))
    elif what == "config":
        path.write_bytes(content.replace(b'{"class_name"', b'["class_name"'))
    else:
        path.unlink()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "no model")
    return path


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("cut", "is a damaged .keras file: File is not a zip file"),
        ("weights", "is a damaged .keras file: Bad CRC-32 for file 'model.weights.h5'"),
        ("config", "is a damaged .keras file: Bad CRC-32 for file 'config.json'"),
        ("other", "is not a .keras file: There is no item named 'config.json' in the archive"),
    ],
)
def test_a_damaged_file_is_refused(what: str, message: str, tmp_path: Path) -> None:
    path = changed(keras_file(tmp_path / "model.keras"), what)
    with pytest.raises(JobError) as error:
        keras_file_contents(path)
    assert error.value.cause == f"{path} {message}"

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.contents import Contents
from pytest_modelbudget.workers.contents.tflite_contents import tflite_contents
from tests.workers.flatbuffers import BLOBS, CLASSIFY, WIDEN, edited, store

MODELS = sorted((Path(__file__).parents[1] / "models").glob("*.tflite"))


def others(contents: Contents) -> dict[str, int]:
    return {part.name: part.size_bytes for part in contents.others}


@pytest.mark.parametrize("path", [*MODELS, BLOBS], ids=lambda path: path.stem)
def test_the_parts_add_up_to_the_file_and_to_its_gzip_size(path: Path) -> None:
    found = tflite_contents(path)
    deflated = gzip.compress(path.read_bytes(), 9, mtime=0)
    assert (found.size_bytes, found.gzip_bytes) == (path.stat().st_size, len(deflated))


def test_each_tensor_has_its_layer_operator_and_values() -> None:
    widen, classify, bias = tflite_contents(BLOBS).tensors
    assert widen.model_dump() == {
        "name": "functional_1/widen_1/MatMul",
        "layer": "functional_1/widen_1",
        "operator": "FULLY_CONNECTED",
        "dtype": "float32",
        "shape": (64, 16),
        "size_bytes": 4096,
        "gzip_bytes": widen.gzip_bytes,
        "sparsity": 1 - 16 / 1024,
        "unique": 2,
        "scales": "none",
    }
    assert widen.gzip_bytes < classify.gzip_bytes < classify.size_bytes == 1024
    assert (bias.layer, bias.shape, bias.size_bytes) == ("functional_1/classify_1", (4,), 16)


def test_what_is_not_the_values_of_a_tensor_has_a_name() -> None:
    assert others(tflite_contents(BLOBS)) == {"graph": 864, "names": 284, "metadata": 16}
    quantized = next(path for path in MODELS if path.stem == "quantized")
    assert {"padding", "quantization parameters"} < others(tflite_contents(quantized)).keys()


def test_layers_are_named_as_in_keras_where_they_are_known(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(BLOBS.read_bytes())
    (tmp_path / "keras_layers.json").write_text(
        '{"keras_3": true, "classes": {"widen": "Dense", "classify": "Dense"}}'
    )
    assert {each.layer for each in tflite_contents(path).tensors} == {"widen", "classify"}


def test_a_buffer_that_tensors_share_is_one_tensor(tmp_path: Path) -> None:
    def share(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.tensors.append(
            schema.TensorT(shape=[1024], type=0, name=b"again", buffer=graph.tensors[WIDEN].buffer)
        )

    found = tflite_contents(edited(tmp_path / "shared.tflite", share))
    assert [each.size_bytes for each in found.tensors] == [4096, 1024, 16]


def test_the_positions_of_sparse_values_belong_to_their_tensor(tmp_path: Path) -> None:
    def encode(model: Any) -> None:
        tensor = model.subgraphs[0].tensors[CLASSIFY]
        store(model, CLASSIFY, np.arange(1, 3, dtype=np.float32))
        rows = schema.DimensionMetadataT(format=0, denseSize=4)
        columns = schema.DimensionMetadataT(
            format=1,
            arraySegmentsType=schema.SparseIndexVector.Uint8Vector,
            arraySegments=schema.Uint8VectorT(values=np.array([0, 1, 1, 1, 2], np.uint8)),
            arrayIndicesType=schema.SparseIndexVector.Uint16Vector,
            arrayIndices=schema.Uint16VectorT(values=np.array([3, 9], np.uint16)),
        )
        tensor.sparsity = schema.SparsityParametersT(
            traversalOrder=[0, 1], dimMetadata=[rows, columns]
        )

    found = tflite_contents(edited(tmp_path / "sparse.tflite", encode))
    sparse = next(each for each in found.tensors if each.shape == (4, 64))
    assert sparse.size_bytes == 2 * 4 + 5 + 2 * 2
    assert (sparse.sparsity, sparse.unique) == (1 - 2 / 256, 3)


def test_files_that_are_appended_are_metadata(tmp_path: Path) -> None:
    path = tmp_path / "labelled.tflite"
    path.write_bytes(BLOBS.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "cat\ndog\n" * 20)
    found = tflite_contents(path)
    appended = path.stat().st_size - BLOBS.stat().st_size
    assert others(found) == {"graph": 864, "names": 284, "metadata": 16 + appended}


def test_an_operator_without_inputs_reads_nothing(tmp_path: Path) -> None:
    def leave_out(model: Any) -> None:
        model.subgraphs[0].operators[0].inputs = None

    double = next(path for path in MODELS if path.stem == "double")
    found = tflite_contents(edited(tmp_path / "idle.tflite", leave_out, double))
    assert [(each.name, each.operator) for each in found.tensors] == [("mul/x", "")]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def garbled(content: bytes) -> bytes:
    return content[:8] + b"\xff" * 64 + content[72:]


@pytest.mark.parametrize("damage", [cut, garbled])
def test_a_damaged_file_is_refused_in_one_line(damage: Any, tmp_path: Path) -> None:
    path = tmp_path / "damaged.tflite"
    path.write_bytes(damage(BLOBS.read_bytes()))
    with pytest.raises(JobError, match=r"damaged\.tflite is a damaged \.tflite: .*"):
        tflite_contents(path)

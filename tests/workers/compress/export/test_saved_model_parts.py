"""Where the bytes of what Keras and TensorFlow write are."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.contents import Contents
from pytest_modelbudget.workers.compress.export import keras_file_parts, saved_model_parts
from pytest_modelbudget.workers.contents.archive import gzip_bytes
from tests.workers.compress.stages import test_apply_saved_model as models

pytestmark = pytest.mark.tensorflow


def shown(contents: Contents) -> set[tuple[str, str, str, int]]:
    return {(each.name, each.layer, each.operator, each.size_bytes) for each in contents.tensors}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras
def test_a_trained_model_keeps_its_optimizer(tmp_path: Path) -> None:
    model = models.adam_of_keras()
    model.save(tmp_path / "model.keras")
    found = keras_file_parts.keras_file_contents(tmp_path / "model.keras")
    assert found.gzip_bytes == gzip_bytes(tmp_path / "model.keras")
    dense = [each for each in found.tensors if each.operator == "Dense"]
    assert {(each.shape, each.size_bytes) for each in dense} == {((3, 4), 48), ((4,), 16)}
    slots = [each.size_bytes for each in found.tensors if each.layer == "optimizer"]
    assert sum(slots) == 2 * (48 + 16) + 8 + 4

    folder = tmp_path / "saved"
    tf.saved_model.save(model, str(folder))
    found = saved_model_parts.saved_model_contents(folder)
    assert found.gzip_bytes == gzip_bytes(folder)
    assert found.size_bytes == sum(each.stat().st_size for each in folder.rglob("*.*"))
    assert sorted(each.size_bytes for each in found.tensors if each.operator == "signature") == [
        16,
        48,
    ]


def test_each_variable_of_a_saved_model_has_its_values_and_what_reads_it(tmp_path: Path) -> None:
    folder = models.two_signatures(tmp_path / "source")
    found = saved_model_parts.saved_model_contents(folder)
    assert shown(found) == {
        ("kernel", "", "signature", 48),
        ("scale", "", "signature", 16),
    }
    kernel, scale = found.tensors
    assert (kernel.shape, kernel.dtype, kernel.sparsity, kernel.unique) == ((3, 4), "float32", 0, 1)
    assert {each.name for each in found.others} == {
        "graph functions",
        "fingerprint and metadata",
        "assets",
        "archive of the folder",
    }
    parts = saved_model_parts.saved_model_parts(folder)
    assert sum(part.size_bytes for part in parts) == found.size_bytes
    assert scale.size_bytes == {part.name: part.size_bytes for part in parts}["scale variables"]


@pytest.mark.parametrize("file", ["variables.index", "variables.data-00000-of-00001"])
def test_a_damaged_saved_model_is_refused(file: str, tmp_path: Path) -> None:
    folder = models.two_signatures(tmp_path / "source")
    path = folder / "variables" / file
    for content in (path.read_bytes()[:-9], np.random.default_rng(0).bytes(500), b""):
        if file.endswith("index") or len(content) < path.stat().st_size:
            path.write_bytes(content)
            with pytest.raises(JobError, match="source is a damaged SavedModel: "):
                saved_model_parts.saved_model_contents(folder)
    shutil.rmtree(folder / "variables")
    assert saved_model_parts.saved_model_contents(folder).tensors == ()

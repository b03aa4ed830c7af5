import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.training import qat
from tests.workers.compress import trainees
from tests.workers.compress.building import invoke, make

pytestmark = pytest.mark.tensorflow
ONES = np.ones((2, 3), np.float32)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
NOISE = bytes(range(200, 256)) * 10
TFLITE = "name a file that a LiteRT or TensorFlow Lite converter wrote"
KERAS = "name a file that model.save('name.keras') wrote"
H5 = "name a file that model.save('name.h5') wrote"
OTHER = "name a .keras, .h5 or .tflite file, or a SavedModel folder"


def fails(path: Path, signature: str = "") -> str:
    with pytest.raises(JobError) as raised:
        make(path.parent / "out", path, signature=signature)
    return str(raised.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.tflite", PNG, f"m.tflite is not a .tflite; found a PNG image (108 bytes); {TFLITE}"),
        ("m.tflite", b"", f"m.tflite is not a .tflite; found an empty file; {TFLITE}"),
        (
            "m.tflite",
            NOISE,
            "m.tflite is not a .tflite; found data that begins with 0xc8c9cacbcccdcecf "
            f"(560 bytes); {TFLITE}",
        ),
        (
            "m.keras",
            NOISE,
            "m.keras is not a .keras archive; found data that begins with 0xc8c9cacbcccdcecf "
            f"(560 bytes); {KERAS}",
        ),
        ("m.h5", PNG, f"m.h5 is not an HDF5 file; found a PNG image (108 bytes); {H5}"),
        ("m.pb", PNG, f"m.pb is not a SavedModel; found a PNG image (108 bytes); {OTHER}"),
    ],
)
def test_another_format(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)

    assert fails(tmp_path / name) == message


@pytest.mark.parametrize("name", ["m.tflite", "m.keras", "m.h5", "folder"])
def test_a_path_that_does_not_exist(name: str, tmp_path: Path) -> None:
    message = f"{name} does not exist; correct the path; it is relative to the budget file"
    assert fails(tmp_path / name) == message


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    message = "folder is not a SavedModel; found a folder without a saved_model.pb"
    assert fails(tmp_path / "folder") == f"{message}; {OTHER}"


def test_a_truncated_tflite(cnn: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes((cnn / "model.tflite").read_bytes()[:1000])

    damaged = "m.tflite is a damaged .tflite: The model is not a valid Flatbuffer buffer"
    assert fails(path) == f"{damaged}; copy or convert it again"


def test_a_zip_that_is_no_keras_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("readme.txt", "hello")

    message = "m.keras is not a .keras archive with metadata.json; found a zip archive (123 bytes)"
    assert fails(tmp_path / "m.keras") == f"{message}; {KERAS}"


def test_a_truncated_keras_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.0.0"}')
    path = tmp_path / "m.keras"
    path.write_bytes(path.read_bytes()[:60])

    message = "m.keras is damaged: File is not a zip file; found a zip archive (60 bytes)"
    assert fails(path) == f"{message}; save it again"


def test_an_archive_that_its_keras_cannot_load(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.0.0"}')
        archive.writestr("config.json", '{"class_name": "Mystery", "config": {}, "module": null}')
        archive.writestr("model.weights.h5", "")

    message = fails(tmp_path / "m.keras")

    assert message.startswith("m.keras (Keras 3.0.0) cannot be loaded by keras 3.")
    assert message.endswith(
        "; decorate custom layers with @keras.saving.register_keras_serializable(), and name their "
        "module under imports"
    )
    assert "Mystery" in message


def test_weights_without_a_model(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["kernel"] = [1.0, 2.0]

    message = "m.h5 contains weights or other data, but no model"
    hint = "save the whole model with model.save(), not its weights alone"
    assert fails(tmp_path / "m.h5") == f"{message}; {hint}"


def test_a_truncated_h5(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))

    message = fails(tmp_path / "m.h5")

    assert message.startswith("m.h5 is damaged: ")
    assert message.endswith("; found an HDF5 file (108 bytes); save it again")


def test_a_saved_model_without_a_serving_signature(tmp_path: Path) -> None:
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path / "folder"))

    message = "folder has no signatures"
    hint = "save it with tf.saved_model.save(model, path, signatures=function)"
    assert fails(tmp_path / "folder") == f"{message}; {hint}"


def test_the_signature_of_a_saved_model_is_the_one_that_is_named(tmp_path: Path) -> None:
    import tensorflow as tf

    functions = {}
    for factor, name in enumerate(("serving_default", "double", "triple"), start=1):

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")])  # type: ignore[untyped-decorator]
        def multiply(x: Any, factor: int = factor) -> Any:
            return {"y": x * factor}

        functions[name] = multiply
    path = tmp_path / "folder"
    tf.saved_model.save(tf.Module(), str(path), signatures=functions)

    (output,) = invoke(make(tmp_path / "out", path, signature="triple"), {"x": ONES}).values()
    np.testing.assert_array_equal(output, 3 * ONES)
    message = "folder has 3 signatures: double, serving_default, triple"
    assert fails(path) == f"{message}; write signature: with the one to gate"
    hint = "write signature: with one of double, serving_default, triple"
    assert fails(path, "other") == f"folder has no signature other; {hint}"
    tf.saved_model.save(tf.Module(), str(path), signatures={"double": functions["double"]})
    (output,) = invoke(make(tmp_path / "only", path), {"x": ONES}).values()
    np.testing.assert_array_equal(output, 2 * ONES)


def test_a_damaged_saved_model(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "saved_model.pb").write_bytes(NOISE)

    assert fails(tmp_path / "folder").startswith("folder cannot be loaded: ")


GENERATIONS = """
import os
import tensorflow as tf
if os.fork():
    os.wait()
else:
    import pytest_modelbudget.workers.compress.models.sources
import tensorflow_model_optimization
print(tf.keras.Model.__module__.partition(".")[0], flush=True)
"""


def test_tfmot_changes_what_tf_keras_is_unless_sources_came_first() -> None:
    command = [sys.executable, "-W", "ignore", "-c", GENERATIONS]
    # A process that has imported tfmot hands the variable on to its children.
    env = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["keras", "tf_keras"]


def test_autograph_does_not_rewrite_what_needs_no_rewriting() -> None:
    from tensorflow.python.autograph.impl import conversion

    for layer in qat.quantize(trainees.perceptron(), ["dense", "class"]).layers:
        assert conversion.is_allowlisted(layer.call), layer
    assert not conversion.is_allowlisted(fails), "what a user writes is rewritten"

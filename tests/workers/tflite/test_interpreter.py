import shutil
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.tflite.interpreter import Interpreter

X = np.arange(21, dtype=np.float32).reshape(7, 3)


def loaded(models: Path, name: str) -> Interpreter:
    return Interpreter(models / f"{name}.tflite", threads=1)


def test_inputs_and_outputs_are_found_by_name(models: Path) -> None:
    interpreter = loaded(models, "two")
    assert {name: tensor.shape for name, tensor in interpreter.inputs.items()} == {
        "a": (-1, 3),
        "b": (-1, 1),
    }
    outputs = interpreter.run({"a": X, "b": X[:, :1]})
    assert outputs.keys() == {"total", "double"}
    np.testing.assert_array_equal(outputs["double"], 2 * X)
    np.testing.assert_array_equal(outputs["total"], X.sum(1, keepdims=True) + X[:, :1])


def test_inputs_and_outputs_without_names_are_numbered(models: Path, tmp_path: Path) -> None:
    model = flatbuffer_utils.read_model(str(models / "two.tflite"))
    flatbuffer_utils.strip_strings(model)
    flatbuffer_utils.write_model(model, str(tmp_path / "two.tflite"))
    interpreter = loaded(tmp_path, "two")
    assert list(interpreter.inputs) == ["input_0", "input_1"]
    wide = next(name for name, tensor in interpreter.inputs.items() if tensor.shape == (-1, 3))
    values = {"input_0": X[:, :1], "input_1": X[:, :1]} | {wide: X}
    outputs = interpreter.run(values)
    assert list(outputs) == ["output_0", "output_1"]
    sums = sorted(output.sum() for output in outputs.values())
    assert sums == [X.sum() + X[:, 0].sum(), 2 * X.sum()]


@pytest.mark.parametrize("is_left", [False, True])
def test_without_a_named_signature_tensor_names_are_used(
    models: Path, tmp_path: Path, is_left: bool
) -> None:
    model = flatbuffer_utils.read_model(str(models / "two.tflite"))
    model.signatureDefs[0].signatureKey = b""  # LiteRT refuses to run it by this key
    model.signatureDefs = model.signatureDefs if is_left else []
    flatbuffer_utils.write_model(model, str(tmp_path / "two.tflite"))
    interpreter = loaded(tmp_path, "two")
    values = {"serving_default_a:0": X, "serving_default_b:0": X[:, :1]}
    assert interpreter.inputs.keys() == values.keys()
    sums = sorted(output.sum() for output in interpreter.run(values).values())
    assert sums == [X.sum() + X[:, 0].sum(), 2 * X.sum()]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sizes", [[7], [3, 3, 1], [1] * 7, [2, 5]])
def test_batches_of_any_size_give_the_same(models: Path, threads: int, sizes: list[int]) -> None:
    interpreter = Interpreter(models / "double.tflite", threads)
    parts = [interpreter.run({"x": part})["y"] for part in np.split(X, np.cumsum(sizes)[:-1])]
    np.testing.assert_array_equal(np.concatenate(parts), 2 * X)


def test_only_invocations_are_timed(models: Path) -> None:
    interpreter = loaded(models, "double")
    assert interpreter.invoke_s == 0
    interpreter.run({"x": X})
    assert 0 < interpreter.invoke_s < 1


def test_a_fixed_batch_is_filled_up(models: Path) -> None:
    np.testing.assert_array_equal(loaded(models, "fixed").run({"x": X})["y"], 2 * X)


def test_a_model_that_holds_one_sample_inside_is_run_one_by_one(models: Path) -> None:
    x = np.arange(30, dtype=np.float32).reshape(5, 2, 3)
    np.testing.assert_array_equal(
        loaded(models, "one_inside").run({"x": x})["y"], 2 * x.reshape(5, 6)
    )


def test_a_sample_knows_nothing_of_those_before_it(models: Path) -> None:
    x = np.random.default_rng(0).normal(size=(5, 3, 2))
    interpreter = loaded(models, "recurrent")
    forth, back = interpreter.run({"x": x})["y"], interpreter.run({"x": x[::-1]})["y"]
    np.testing.assert_array_equal(forth, back[::-1])


def test_an_open_length_is_that_of_the_data(models: Path) -> None:
    assert loaded(models, "any_length").run({"x": X})["sum"].tolist() == X.sum(1).tolist()


def test_indices(models: Path) -> None:
    rows = loaded(models, "table").run({"ids": np.array([2.0, 0.0])})["rows"]
    assert rows.tolist() == [[4.0, 5.0], [0.0, 1.0]]


def test_quantized_inputs_and_outputs(quantized: Interpreter) -> None:
    x = np.array([[0.25, -0.5], [1.0, 9.0]])
    found = quantized.run({"x": x})["y"]
    step = quantized.outputs["y"].scale
    assert quantized.inputs["x"].dtype == np.int8
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.5, -1.0], [2.0, 2.0]], atol=1.01 * step)


def test_the_delegate_is_named(models: Path) -> None:
    interpreter = loaded(models, "double")
    interpreter.allocate(1)
    assert interpreter.delegate == "XNNPACK"


def test_a_fixed_batch_cannot_be_changed(models: Path) -> None:
    with pytest.raises(JobError) as error:
        loaded(models, "fixed").allocate(8)
    assert str(error.value) == (
        "the model takes batches of 4, not 8; convert it with an open batch size"
    )


def test_a_model_that_litert_cannot_prepare(models: Path) -> None:
    with pytest.raises(JobError) as error:
        loaded(models, "one_inside").allocate(8)
    assert str(error.value).startswith("LiteRT cannot prepare the model for batches of 8: ")


def test_outputs_without_samples(models: Path) -> None:
    with pytest.raises(JobError) as error:
        loaded(models, "first_only").run({"x": X})
    assert str(error.value) == (
        "output y has shape (3,) for 1 samples; make the sample the first axis of every output"
    )


def load_failure(path: Path) -> str:
    with pytest.raises(JobError) as error:
        Interpreter(path, threads=1)
    return str(error.value).replace(str(path), "FILE")


def test_an_input_without_samples(models: Path) -> None:
    assert load_failure(models / "scalar.tflite") == (
        "FILE has no input that takes samples; make the sample the first axis of every input"
    )


def test_files_that_are_no_models(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.tflite"
    assert load_failure(path) == ("cannot read FILE: No such file or directory; correct the path")
    path.touch()
    assert load_failure(path) == "FILE is not a .tflite: it starts with b''; convert the model"
    path.write_bytes(b"PK\x03\x04 a .keras file")
    assert load_failure(path) == (
        "FILE is not a .tflite: it starts with b'PK\\x03\\x04 a .'; convert the model"
    )
    shutil.copy(models / "double.tflite", path)
    path.write_bytes(path.read_bytes()[:500])
    assert load_failure(path) == (
        "FILE is a damaged .tflite: The model is not a valid Flatbuffer buffer; "
        "copy or convert it again"
    )

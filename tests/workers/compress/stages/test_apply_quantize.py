import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.stages import LayerSelection, Quantize
from pytest_modelbudget.budgetfile.types import Data, FileSource
from pytest_modelbudget.workers.compress.job import build
from pytest_modelbudget.workers.tflite.graph import touches_float
from pytest_modelbudget.workers.tflite.layers import find_operators
from pytest_modelbudget.workers.tflite.tflite_file import (
    computes_in,
    is_constant,
    operator_name,
    operators,
    pack,
    parse,
    tensor_type,
)
from tests.workers.compress import zoo
from tests.workers.compress.building import (
    RESOLVERS,
    call,
    invoke,
    job,
    make,
    make_quantized,
    no_progress,
    signature,
)

pytestmark = [
    pytest.mark.tensorflow,
    # The quantizer asks for it on purpose, to see the activations.
    pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors:UserWarning"),
    # TensorFlow's own calibrator uses it.
    pytest.mark.filterwarnings("ignore:(?s).*tf.lite.Interpreter is deprecated:UserWarning"),
]
IMAGES = zoo.images()[0]
WIDE = call("cnn", units=512)  # the converter leaves weights of less than 1,024 elements alone


def weight_types(model: bytes) -> dict[str, str]:
    """The type of the weights of each operator that has some, by its position and name."""
    parsed = parse(model)
    types = {}
    for position, (operator, graph) in enumerate(operators(parsed)):
        for tensor in (graph.tensors[index] for index in operator.inputs[1:2]):
            name = operator_name(parsed, operator)
            if is_constant(parsed, tensor) and name != "MEAN":
                types[f"{position} {name}"] = tensor_type(tensor)
    return types


@pytest.mark.parametrize(
    ("scheme", "weights", "tolerance"),
    [
        ("dynamic", ["int8", "int8", "int8", "int8"], 0.01),
        ("int8", ["int8", "int8", "int8", "int8"], 0.02),
        ("int16x8", ["int8", "int8", "int8", "int8"], 0.01),
        ("int4", ["int4", "float32", "int4", "int4"], 0.05),
    ],
)
def test_litert_schemes(
    scheme: str, weights: list[str], tolerance: float, cnn: Path, tmp_path: Path
) -> None:
    model = make_quantized(tmp_path, cnn, scheme=scheme)

    assert list(weight_types(model).values()) == weights
    expected = invoke((cnn / "model.tflite").read_bytes(), {"image": IMAGES})["class"]
    for resolver in RESOLVERS:
        output = invoke(model, {"image": IMAGES}, resolver)["class"]
        np.testing.assert_allclose(output, expected, atol=tolerance)


def test_float16_weights_are_exact_to_half_precision(cnn: Path, tmp_path: Path) -> None:
    model = make_quantized(tmp_path, cnn, scheme="float16")

    assert computes_in(parse(model), "float16")
    expected = invoke((cnn / "model.tflite").read_bytes(), {"image": IMAGES})["class"]
    output = invoke(model, {"image": IMAGES})["class"]
    np.testing.assert_allclose(output, expected, atol=1e-3)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the converted model of ``WIDE``."""
    return make(tmp_path_factory.mktemp("wide"), WIDE)


@pytest.mark.parametrize("scheme", ["dynamic", "float16", "int8", "int16x8"])
def test_converter_schemes(scheme: str, wide: bytes, tmp_path: Path) -> None:
    stage = Quantize.model_validate({"scheme": scheme, "backend": "converter"})
    model = make(tmp_path, WIDE, stage, None, call("images"))

    assert len(model) < len(wide)
    expected = invoke(wide, {"image": IMAGES})["class"]
    output = invoke(model, {"image": IMAGES})["class"]
    np.testing.assert_allclose(output, expected, atol=0.02)


@pytest.mark.parametrize("backend", ["litert", "converter"])
@pytest.mark.parametrize("io", ["float32", "int8", "uint8"])
def test_io(io: str, backend: str, cnn: Path, tmp_path: Path) -> None:
    parent = cnn if backend == "litert" else None
    model = make_quantized(tmp_path, parent, scheme="int8", io=io, backend=backend)

    found = signature(model)
    assert [tensor.dtype for tensor in found.inputs.values()] == [io]
    assert [tensor.dtype for tensor in found.outputs.values()] == [io]
    expected = invoke((cnn / "model.tflite").read_bytes(), {"image": IMAGES})["class"]
    np.testing.assert_allclose(invoke(model, {"image": IMAGES})["class"], expected, atol=0.02)


def test_int16x8_with_int8_io(cnn: Path, tmp_path: Path) -> None:
    model = make_quantized(tmp_path, cnn, scheme="int16x8", io="int8")

    assert signature(model).inputs["image"].dtype == "int8"


def test_a_sum_of_16_bits_may_have_any_scales(tmp_path: Path) -> None:
    make(tmp_path / "float", call("shifted"))
    stage = Quantize(scheme="int16x8", backend="litert")
    calibration = call("up_to_two")

    model = make(tmp_path / "int16", call("shifted"), stage, tmp_path / "float", calibration)

    images = zoo.up_to_two()[0]
    (shifted,) = invoke(model, {"image": images}).values()
    np.testing.assert_allclose(shifted, images - 1, atol=1e-4)


@pytest.mark.parametrize("backend", ["litert", "converter"])
def test_several_inputs_and_outputs(backend: str, two_ends: Path, tmp_path: Path) -> None:
    parent = two_ends if backend == "litert" else None
    stage = Quantize.model_validate({"scheme": "int8", "backend": backend})
    model = make(tmp_path, call("two_ends"), stage, parent, call("two_sides"))

    inputs = zoo.two_sides()[0]
    floats = {name: values.astype(np.float32) for name, values in inputs.items()}
    expected = invoke((two_ends / "model.tflite").read_bytes(), floats)
    output = invoke(model, floats)
    for name in ("score", "logits"):
        np.testing.assert_allclose(output[name], expected[name], atol=0.05)


def test_a_flattened_model_is_integer_only(tmp_path: Path) -> None:
    make(tmp_path / "float", call("sequential"))
    stage = Quantize(scheme="int8", io="int8")
    source = call("sequential")
    model = make(tmp_path / "int8", source, stage, tmp_path / "float", call("images"))

    assert [operator.name for operator in find_operators(parse(model), None)] == [
        "RESHAPE",
        "FULLY_CONNECTED",
    ]


def test_dilated_convolutions_are_integer_only(tmp_path: Path) -> None:
    float_model = make(tmp_path / "float", call("dilated"))
    waves = call("images", shape=[12, 2])
    stage = Quantize(scheme="int8", io="int8")
    model = make(tmp_path / "int8", call("dilated"), stage, tmp_path / "float", waves)

    found = [each.name for each in find_operators(parse(model), None)]
    assert {"SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "EXPAND_DIMS"} <= {*found}
    assert not any(touches_float(each, graph) for each, graph in operators(parse(model)))
    inputs = {"wave": zoo.images(shape=(12, 2))[0]}
    (expected,) = invoke(float_model, inputs).values()
    for resolver in RESOLVERS:
        (output,) = invoke(model, inputs, resolver).values()
        np.testing.assert_allclose(output, expected, atol=0.03)


def test_a_flattened_tflite_of_the_user_is_integer_only(tmp_path: Path) -> None:
    import tensorflow as tf

    path = tmp_path / "model.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(zoo.sequential()).convert())
    assert "SHAPE" in [each.name for each in find_operators(parse(path.read_bytes()), None)]
    make(tmp_path / "float", path)
    stage = Quantize(scheme="int8", io="int8")
    model = make(tmp_path / "int8", path, stage, tmp_path / "float", call("images"))

    kinds = [each.name for each in find_operators(parse(model), None)]
    assert kinds == ["RESHAPE", "FULLY_CONNECTED"]
    (output,) = invoke(model, {next(iter(signature(model).inputs)): zoo.images()[0]}).values()
    assert output.shape == (40, 4)


def test_a_tflite_without_a_signature(cnn: Path, tmp_path: Path) -> None:
    parsed = parse((cnn / "model.tflite").read_bytes())
    parsed.signatureDefs = []
    path = tmp_path / "bare.tflite"
    path.write_bytes(pack(parsed))
    make(tmp_path / "float", path)

    model = make(tmp_path / "int8", path, Quantize(), tmp_path / "float", call("images"))

    assert list(signature(model).inputs) == ["serving_default_image:0"]


def test_integer_inputs_stay_integers(tmp_path: Path) -> None:
    make(tmp_path / "float", call("embedding"))
    stage = Quantize(scheme="int8", io="int8")
    model = make(tmp_path / "int8", call("embedding"), stage, tmp_path / "float", call("tokens"))

    found = signature(model)
    assert found.inputs["tokens"].dtype == "int32"
    assert found.outputs["topic"].dtype == "int8"


def test_the_converter_quantizes_a_recurrent_model(tmp_path: Path) -> None:
    stage = Quantize(scheme="int8", backend="converter")
    model = make(tmp_path, call("lstm"), stage, None, call("images", shape=[6, 4]))

    assert computes_in(parse(model), "int8")


@pytest.mark.parametrize(
    ("layers", "weights"),
    [
        (LayerSelection(only=("conv", "dense")), ["int8", "float32", "int8", "float32"]),
        (LayerSelection(skip=("d*",)), ["int8", "float32", "float32", "int8"]),
        (LayerSelection(skip=("Conv2D", "Dense")), ["float32", "int8", "float32", "float32"]),
        ({"Dense": "int4", "class": "float32"}, ["int8", "int8", "int4", "float32"]),
    ],
)
@pytest.mark.parametrize("scheme", ["dynamic", "int8"])
def test_layers_of_their_own(
    scheme: Any, layers: Any, weights: list[str], cnn: Path, tmp_path: Path
) -> None:
    model = make_quantized(tmp_path, cnn, scheme=scheme, layers=layers)

    assert list(weight_types(model).values()) == weights
    expected = invoke((cnn / "model.tflite").read_bytes(), {"image": IMAGES})["class"]
    np.testing.assert_allclose(invoke(model, {"image": IMAGES})["class"], expected, atol=0.05)


def test_the_order_of_the_samples_does_not_count(cnn: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=IMAGES, y=np.zeros(40))
    np.savez(tmp_path / "b.npz", x=IMAGES[::-1], y=np.zeros(40))
    a, b = (
        make_quantized(tmp_path / name, cnn, FileSource(path=tmp_path / f"{name}.npz"))
        for name in ("a", "b")
    )
    assert a == b


def test_without_calibration_the_first_samples_of_train_count(cnn: Path, tmp_path: Path) -> None:
    stage = Quantize(scheme="int8")
    build(job(call("cnn"), stage, cnn, Data(train=call("images"))), tmp_path, no_progress)

    explicit = make_quantized(tmp_path / "explicit", cnn, scheme="int8")
    assert (tmp_path / "model.tflite").read_bytes() == explicit


def test_the_litert_backend_never_imports_tensorflow(cnn: Path, tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(('tensorflow', 'keras', 'tf_keras')));"
        "sys.path.insert(0, sys.argv[1]); from pathlib import Path;"
        "from pytest_modelbudget.protocol.jobs import BuildJob;"
        "from pytest_modelbudget.workers.compress.job import build;"
        "build(BuildJob.model_validate_json(sys.argv[2]), Path(), print)"
    )
    text = job(call("cnn"), Quantize(), cnn, Data(calibration=call("images"))).model_dump_json()
    command = [sys.executable, "-c", script, str(Path(__file__).parents[4]), text]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    here = make_quantized(tmp_path / "here", cnn, scheme="int8")
    assert (tmp_path / "model.tflite").read_bytes() == here

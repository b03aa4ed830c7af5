import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from pytest_modelbudget.budgetfile.stages import Quantize
from pytest_modelbudget.budgetfile.types import CallSource
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.convert import litert_quantizer
from tests.workers.compress.building import call, make, make_quantized

pytestmark = [
    pytest.mark.tensorflow,
    # The quantizer asks for it on purpose, to see the activations.
    pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors:UserWarning"),
    # TensorFlow's own calibrator uses it.
    pytest.mark.filterwarnings("ignore:(?s).*tf.lite.Interpreter is deprecated:UserWarning"),
]
LAYERS = "the layers are conv, norm, depthwise, pool, dense, class"


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"layers": {"skip": ["con"]}}, f"no layer matches 'con'; {LAYERS}"),
        (
            {"layers": {"depthwise": "int4"}},
            "layers: 'depthwise' cannot be int4: LiteRT has no such kernel for DEPTHWISE_CONV_2D; "
            "choose another scheme for these layers",
        ),
        (
            {"layers": {"skip": ["*"]}},
            "scheme int8 quantizes nothing in the model: its operators are CONV_2D, "
            "DEPTHWISE_CONV_2D, MEAN, FULLY_CONNECTED, SOFTMAX; use another scheme, or leave the "
            "model float with recipe: []",
        ),
    ],
)
def test_parameters_that_cannot_work(
    stage: Mapping[str, Any], message: str, cnn: Path, tmp_path: Path
) -> None:
    with pytest.raises(JobError) as raised:
        make(
            tmp_path,
            call("cnn"),
            Quantize.model_validate_json(json.dumps(stage)),
            cnn,
            call("images"),
        )

    assert str(raised.value) == message


@pytest.mark.parametrize("backend", ["litert", "converter"])
@pytest.mark.parametrize(
    ("source", "message"),
    [
        (call("no_images"), "no_images: there are no samples; return at least one sample"),
        (
            call("nan_images"),
            "nan_images: x contains NaN in 1 of the first 20 samples (first: sample 7); "
            "remove or fill missing values",
        ),
        (
            call("images", shape=[8, 8]),
            "images: input image needs samples of shape (8, 8, 3), but x has samples of shape "
            "(8, 8); reshape the samples",
        ),
        (
            call("images", dtype="complex64"),
            "images: x has dtype complex64, which is not numeric; "
            "encode labels as numbers, and pad rows to one length",
        ),
        (
            call("two_sides"),
            "two_sides: x has the keys left, right, but the model has the inputs image (8, 8, 3); "
            "return x as a dict with the input names as keys",
        ),
    ],
)
def test_data_that_does_not_fit(
    source: CallSource, message: str, backend: str, cnn: Path, tmp_path: Path
) -> None:
    parent = cnn if backend == "litert" else None
    with pytest.raises(JobError) as raised:
        make_quantized(tmp_path, parent, source, backend=backend)

    assert str(raised.value) == f"tests.workers.compress.zoo:{message}"


def test_float_samples_for_an_integer_input(tmp_path: Path) -> None:
    make(tmp_path / "float", call("embedding"))
    with pytest.raises(JobError) as raised:
        make(
            tmp_path / "int8",
            call("embedding"),
            Quantize(),
            tmp_path / "float",
            call("tokens", dtype="float32"),
        )

    assert str(raised.value) == (
        "tests.workers.compress.zoo:tokens: input tokens takes int32, but x has float32; "
        "convert it with x.astype('int32')"
    )


def test_a_model_that_computes_nan(cnn: Path, tmp_path: Path) -> None:
    """It cannot come from a conversion, which checks that, but from elsewhere."""
    model = flatbuffer_utils.read_model_with_mutable_tensors(str(cnn / "model.tflite"))
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) == 32 * 8 * 4:
            buffer.data = np.full((32, 8), np.nan, np.float32).view(np.uint8).ravel()
    flatbuffer_utils.write_model(model, str(tmp_path / "model.tflite"))
    with pytest.raises(JobError) as raised:
        make_quantized(tmp_path / "int8", tmp_path)

    assert str(raised.value).endswith(
        " contains NaN or infinity on the calibration data; "
        "check the model's weights and the scale of the data"
    )


def test_a_model_without_weights(tmp_path: Path) -> None:
    make(tmp_path / "float", call("activation_only"))
    with pytest.raises(JobError) as raised:
        make_quantized(tmp_path / "float16", tmp_path / "float", scheme="float16")

    assert str(raised.value) == (
        "scheme float16 quantizes nothing in the model: its operators are RELU; "
        "use another scheme, or leave the model float with recipe: []"
    )


def test_a_model_that_is_quantized_already(cnn: Path, tmp_path: Path) -> None:
    make_quantized(tmp_path / "int8", cnn)
    with pytest.raises(JobError) as raised:
        make_quantized(tmp_path / "again", tmp_path / "int8")

    assert str(raised.value) == "the model is already quantized; start from a float model"


def sum_of_two() -> Any:
    import keras

    left, right = (keras.layers.Input((4,), name=name) for name in ("left", "right"))
    return keras.Model([left, right], keras.layers.Add(name="sum")([left, right]))


def scaled_by_powers_of_two() -> Any:
    """Return inputs whose sum has a smaller scale than an input, each scale a power of two.

    LiteRT cannot prepare an ADD with such int16 scales.
    """
    left = np.full((8, 4), 32767 * 2.0**-14, np.float32)
    return {"left": left, "right": -left / 2}, np.zeros(8)


def test_a_file_that_litert_cannot_prepare_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is what the quantizer writes; without ``allow_any_scales`` it does not run."""
    monkeypatch.setattr(litert_quantizer, "allow_any_scales", id)
    here = "tests.workers.compress.stages.test_apply_quantize_errors"
    model = CallSource(call=f"{here}:sum_of_two")
    calibration = CallSource(call=f"{here}:scaled_by_powers_of_two")
    make(tmp_path / "float", model)

    with pytest.raises(JobError) as raised:
        make(tmp_path, model, Quantize(scheme="int16x8"), tmp_path / "float", calibration)

    message = str(raised.value)
    assert "does not run in LiteRT: " in message
    assert "input1_shift <= 0" in message

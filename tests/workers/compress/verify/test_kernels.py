from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.verify import kernels, probes
from tests.workers.flatbuffers import BLOBS, WIDEN, add, edited, emptied, store, tensor

HINT = "quantize or convert that layer otherwise, and report it to LiteRT with the model"
NOTHING = "there is nothing to compare with"


def refused(model: bytes) -> str:
    with pytest.raises(JobError) as raised:
        kernels.check(model, "it", None)
    return str(raised.value)


def test_an_honest_model(capfd: pytest.CaptureFixture[str]) -> None:
    kernels.check(BLOBS.read_bytes(), "it", None)

    assert NOTHING not in capfd.readouterr().err


def test_weights_that_are_not_finite(tmp_path: Path) -> None:
    def spoil(model: Any) -> None:
        store(model, WIDEN, np.full((64, 16), np.nan, np.float32))

    message = refused(edited(tmp_path / "nan.tflite", spoil).read_bytes())

    assert message == (
        "it gives numbers that are not finite on made-up samples; the operator FULLY_CONNECTED "
        f"(layer functional_1, widen_1) is where that begins; {HINT}"
    )


def test_reference_kernels_that_end_their_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The one of SOFTMAX aborts on int8 that differ by next to nothing."""

    def edit(model: Any) -> None:
        given, made = tensor((1, 4), "INT8"), tensor((1, 4), "INT8")
        for each, scale, zero in ((given, 1e-10, 0), (made, 1 / 256, -128)):
            each.quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[zero])
        emptied(model, given, made)
        add(model, "SOFTMAX", [0], 1, schema.SoftmaxOptionsT(beta=1.0))

    kernels.check(edited(tmp_path / "softmax.tflite", edit).read_bytes(), "it", None)

    assert f"{NOTHING}: the BUILTIN_REF kernels cannot: they ended" in capfd.readouterr().err


def test_samples_fill_the_range_of_what_is_quantized_next(tmp_path: Path) -> None:
    def edit(model: Any) -> None:
        stored = tensor((1, 1000), "INT8")
        stored.quantization = schema.QuantizationParametersT(scale=[0.5], zeroPoint=[-128])
        emptied(model, tensor((1, 1000)), stored)
        add(model, "QUANTIZE", [0], 1)

    model = probes.parse(edited(tmp_path / "range.tflite", edit).read_bytes())
    details = [{"index": 0, "shape": (1, 1000), "dtype": np.float32}]
    (values,) = probes.sample_inputs(model, details, seed=0).values()

    assert 0 <= values.min() < 2 < 125 < values.max() <= 127.5


def test_outputs_are_also_seen_before_softmax(tmp_path: Path) -> None:
    def edit(model: Any) -> None:
        emptied(model, tensor((1, 4)), tensor((1, 4)), tensor((1, 4)), tensor((1, 4)))
        graph = model.subgraphs[0]
        graph.inputs = [0]
        add(model, "NEG", [0], 1)
        add(model, "SOFTMAX", [1], 2, schema.SoftmaxOptionsT(beta=1.0))
        add(model, "DEQUANTIZE", [2], 3)

    model = probes.parse(edited(tmp_path / "softmax.tflite", edit).read_bytes())

    assert probes.add_probes(model)
    assert [*model.subgraphs[0].outputs] == [3, 1]


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore:Optimize option:UserWarning")
@pytest.mark.parametrize(
    ("half", "message"),
    [
        (False, "it gives other numbers with XNNPACK than with LiteRT's BUILTIN_REF kernels: "),
        (True, "it gives numbers that are not finite on made-up samples; "),
    ],
)
def test_blocks_that_litert_computes_wrongly(half: bool, message: str) -> None:
    """LiteRT 2.3 has no right kernel for 16x1 blocks but those of float32."""
    import tensorflow as tf
    import tf_keras

    tf_keras.utils.set_random_seed(0)
    model = tf_keras.Sequential([tf_keras.layers.Input((64,)), tf_keras.layers.Dense(128)])
    kernel = model.weights[0]
    zeros = np.random.default_rng(0).random((4, 128)).repeat(16, axis=0) < 0.8
    kernel.assign(np.where(zeros, 0, kernel.numpy()))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY, tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16] if half else []

    found = refused(converter.convert())

    assert found.startswith(message)
    assert "the operator FULLY_CONNECTED" in found

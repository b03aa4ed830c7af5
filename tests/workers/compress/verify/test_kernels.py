from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.verify import kernels
from pytest_modelbudget.workers.compress.verify.kernels import verify_kernels
from pytest_modelbudget.workers.compress.verify.probes import add_probes
from pytest_modelbudget.workers.tflite.runs import run_model
from pytest_modelbudget.workers.tflite.tensors import Values
from pytest_modelbudget.workers.tflite.tflite_file import parse
from tests.workers.flatbuffers import BLOBS, WIDEN, add, edited, emptied, store, tensor

HINT = "quantize or convert that layer in another way, and report the model to LiteRT"
SKIPPED = "comparison skipped"


def refused(model: bytes) -> str:
    with pytest.raises(JobError) as raised:
        verify_kernels(model, "it", None)
    return str(raised.value)


def test_an_honest_model(capfd: pytest.CaptureFixture[str]) -> None:
    verify_kernels(BLOBS.read_bytes(), "it", None)

    assert SKIPPED not in capfd.readouterr().err


def test_weights_that_are_not_finite(tmp_path: Path) -> None:
    def spoil(model: Any) -> None:
        store(model, WIDEN, np.full((64, 16), np.nan, np.float32))

    message = refused(edited(tmp_path / "nan.tflite", spoil).read_bytes())

    assert message == (
        "it returns NaN or infinity on random inputs; first wrong operator: FULLY_CONNECTED "
        f"(layer functional_1, widen_1); {HINT}"
    )


def test_reference_kernels_that_end_their_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The reference kernel of SOFTMAX aborts if the scale of its int8 input is tiny."""

    def edit(model: Any) -> None:
        given, made = tensor((1, 4), "INT8"), tensor((1, 4), "INT8")
        for each, scale, zero in ((given, 1e-10, 0), (made, 1 / 256, -128)):
            each.quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[zero])
        emptied(model, given, made)
        add(model, "SOFTMAX", [0], 1, schema.SoftmaxOptionsT(beta=1.0))

    verify_kernels(edited(tmp_path / "softmax.tflite", edit).read_bytes(), "it", None)

    log = capfd.readouterr().err
    assert f"{SKIPPED}: the BUILTIN_REF kernels cannot run the model: they crashed\n" in log


def test_operators_that_cannot_be_compared_are_not_taken_for_rounding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if the reference kernels returned other values, and crashed on single operators."""

    def run(model: bytes, resolver: Any, samples: Any, wanted: Any = None) -> Values:
        found = run_model(model, resolver, samples)
        return {} if wanted else {index: values + 1 for index, values in found.items()}

    monkeypatch.setattr(kernels, "run_in_child", run)

    message = refused(BLOBS.read_bytes())

    assert message.startswith(
        "it returns other values with XNNPACK than with LiteRT's BUILTIN_REF kernels: "
    )
    assert " differs by 1, and rounding explains only 0.00" in message
    assert message.endswith(f"; first wrong operator: unknown; {HINT}")


def test_outputs_are_also_seen_before_softmax(tmp_path: Path) -> None:
    def edit(model: Any) -> None:
        emptied(model, tensor((1, 4)), tensor((1, 4)), tensor((1, 4)), tensor((1, 4)))
        graph = model.subgraphs[0]
        graph.inputs = [0]
        add(model, "NEG", [0], 1)
        add(model, "SOFTMAX", [1], 2, schema.SoftmaxOptionsT(beta=1.0))
        add(model, "DEQUANTIZE", [2], 3)

    model = parse(edited(tmp_path / "softmax.tflite", edit).read_bytes())

    assert add_probes(model)
    assert [*model.subgraphs[0].outputs] == [3, 1]


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore:Optimize option:UserWarning")
@pytest.mark.parametrize(
    ("half", "message"),
    [
        (False, "it returns other values with XNNPACK than with LiteRT's BUILTIN_REF kernels: "),
        (True, "it returns NaN or infinity on random inputs; "),
    ],
)
def test_blocks_that_litert_computes_wrongly(half: bool, message: str) -> None:
    """LiteRT 2.3 computes 16x1 blocks wrongly unless they are float32."""
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
    assert "; first wrong operator: FULLY_CONNECTED" in found

"""What a project does by hand without the plugin: convert, quantize, evaluate, time.

The same variants, evaluations and latencies as in ``budgets/``, as tutorials do it: one process,
TensorFlow's converter for each variant, one sample at a time.
Run ``python -m benchmarks.handmade OUTPUT``.
"""

import gzip
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from numpy.typing import NDArray

from example_project import data, mobilenet

MODELS = Path(mobilenet.MODELS)
Array = NDArray[Any]
Data = tuple[Array, Array]
OUTPUT = Path(sys.argv[1] if len(sys.argv) > 1 else "handmade")


def convert(model: Any) -> bytes:
    converted: bytes = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    return converted


def quantize(model: Any, name: str, calibration: Array, io: str = "float32") -> bytes:
    if name == "int4":
        return int4(convert(model))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if name != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if name == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if name in ("int8", "int16x8"):
        converter.representative_dataset = lambda: ([sample[None]] for sample in calibration)
    if name == "int16x8":
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
    if io == "int8":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    converted: bytes = converter.convert()
    return converted


def int4(model: bytes) -> bytes:
    """Quantize as the converter cannot."""
    worker = quantizer.Quantizer(model, recipe.dynamic_wi4_afp32())
    return bytes(worker.quantize(enable_progress_report=False).quantized_model)


def predict(model: bytes, x: Array) -> Array:
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    (entry,), (leave,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for sample in x:
        sample = sample[None]
        scale, zero_point = entry["quantization"]
        if entry["dtype"] != np.float32:
            info = np.iinfo(entry["dtype"])
            sample = np.clip(np.round(sample / scale) + zero_point, info.min, info.max)
        interpreter.set_tensor(entry["index"], sample.astype(entry["dtype"]))
        interpreter.invoke()
        output = interpreter.get_tensor(leave["index"])[0]
        if leave["dtype"] != np.float32:
            scale, zero_point = leave["quantization"]
            output = (output.astype(np.float32) - zero_point) * scale
        outputs.append(output)
    return np.stack(outputs)


def accuracy(y_true: Array, y_pred: Array) -> float:
    return float(np.mean(y_pred.argmax(-1) == y_true))


def mae(y_true: Array, y_pred: Array) -> float:
    return float(np.mean(np.abs(y_pred - y_true)))


def latency(model: bytes, runs: int = 1000) -> Array:
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    times: list[float] = []
    for _ in range(runs + 50):
        start = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - start)
    return np.quantile(times[50:], [0.5, 0.9, 0.99])


def study(
    title: str,
    model: Any,
    variants: list[tuple[str, str, str, bool]],
    calibration: Array,
    test: Data,
    metric: Callable[[Array, Array], float],
) -> None:
    base = convert(model)
    x, y = test
    before = metric(y, predict(base, x))
    for variant, name, io, timed in variants:
        result = quantize(model, name, calibration, io)
        (OUTPUT / f"{title}-{variant}.tflite").write_bytes(result)
        value = metric(y, predict(result, x))
        size, gzipped = len(result), len(gzip.compress(result, 9, mtime=0))
        print(
            f"\n{title:16} {variant:14} {size:8,} B  gzip {gzipped:8,} B  "
            f"{value:.5f} (baseline {before:.5f}, change {value - before:+.5f})"
        )
        if timed:
            p50, p90, p99 = latency(result)
            print(f"p50 {p50 * 1e6:.1f} us, p90 {p90 * 1e6:.1f} us, p99 {p99 * 1e6:.1f} us")


def main() -> None:
    """The same 13 variants, evaluations and 3 latencies as budgets/*.budget.yaml."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    test, calibration = data.test(), data.calibration()[0]
    digits_cnn = [
        ("float32", "float32", "float32", True),
        ("float16", "float16", "float32", False),
        ("dynamic", "dynamic", "float32", False),
        ("int8", "int8", "float32", True),
        ("int8_io", "int8", "int8", False),
        ("int16x8", "int16x8", "float32", False),
        ("int4", "int4", "float32", False),
    ]
    wide = [("wide", "int8", "float32", False)]
    narrow = [("narrow", "int8", "float32", True), ("narrow_dynamic", "dynamic", "float32", False)]
    autoencoder = [(name, name, "float32", False) for name in ("float16", "dynamic", "int8")]
    cnn = keras.models.load_model(MODELS / "digits_cnn.keras")
    study("digits_cnn", cnn, digits_cnn, calibration, test, accuracy)
    study("mobilenet", mobilenet.trained(0.5), wide, calibration, test, accuracy)
    study("mobilenet", mobilenet.trained(0.35), narrow, calibration, test, accuracy)
    encoder = keras.models.load_model(MODELS / "autoencoder.keras")
    ranges = data.reconstruction_train()[0][:128]
    study("autoencoder", encoder, autoencoder, ranges, data.reconstruction_test(), mae)


if __name__ == "__main__":
    main()

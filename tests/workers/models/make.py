"""Makes the models beside it: ``python tests/workers/models/make.py``.

They are committed so that measuring is tested without TensorFlow.
"""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

HERE = Path(__file__).parent
FLOAT = tf.float32


def convert(function: Any, *specs: Any) -> Any:
    signed = tf.function(function, input_signature=specs)
    module = tf.Module()
    module.signed = signed
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [signed.get_concrete_function()], module
    )
    converter.exclude_conversion_metadata = True
    return converter


def spec(name: str, *shape: int | None, dtype: Any = FLOAT) -> Any:
    return tf.TensorSpec(shape, dtype, name=name)


def quantized() -> Any:
    converter = convert(lambda x: {"y": 2.0 * x}, spec("x", None, 2))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: (
        [np.array([[v, -v]], np.float32)] for v in (0.5, 1.0)
    )
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.uint8
    return converter


def recurrent() -> Any:
    tf_keras.utils.set_random_seed(0)
    model = tf_keras.Sequential([tf_keras.Input((3, 2)), tf_keras.layers.LSTM(4)])
    converter = convert(lambda x: {"y": model(x)}, spec("x", 1, 3, 2))
    converter._trackable_obj.held = model.variables
    return converter


def loop() -> Any:
    """Return a model that doubles its input three times, in a loop that LiteRT runs."""

    def doubled(x: Any) -> Any:
        _, y = tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, 2.0 * y), (0, x))
        return {"y": y}

    return convert(doubled, spec("x", 1, 3))


TABLE = tf.constant([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
MODELS = {
    "double": convert(lambda x: {"y": 2.0 * x}, spec("x", None, 3)),
    "two": convert(
        lambda b, a: {"total": tf.reduce_sum(a, 1, keepdims=True) + b, "double": 2.0 * a},
        spec("b", None, 1),
        spec("a", None, 3),
    ),
    "log": convert(lambda x: {"y": tf.math.log(x)}, spec("x", None, 1)),
    "table": convert(
        lambda ids: {"rows": tf.gather(TABLE, ids)}, spec("ids", None, dtype=tf.int32)
    ),
    "fixed": convert(lambda x: {"y": 2.0 * x}, spec("x", 4, 3)),
    "one_inside": convert(lambda x: {"y": 2.0 * tf.reshape(x, [1, 6])}, spec("x", None, 2, 3)),
    "any_length": convert(lambda x: {"sum": tf.reduce_sum(x, 1)}, spec("x", None, None)),
    "scalar": convert(lambda x: {"y": 2.0 * x}, spec("x")),
    "first_only": convert(lambda x: {"y": tf.reduce_sum(x, 0)}, spec("x", None, 3)),
    "quantized": quantized(),
    "recurrent": recurrent(),
    "loop": loop(),
    "text": convert(lambda x: {"y": tf.reshape(x, [-1, 1])}, spec("x", None, 1, dtype=tf.string)),
}

if __name__ == "__main__":
    for name, converter in MODELS.items():
        (HERE / f"{name}.tflite").write_bytes(converter.convert())

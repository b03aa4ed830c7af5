"""Converts and quantizes with TensorFlow's TFLiteConverter."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from pytest_modelbudget.budgetfile.stages import Quantize
from pytest_modelbudget.budgetfile.types import Data
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.convert.calibration import samples
from pytest_modelbudget.workers.compress.convert.conversion import require_same_outputs
from pytest_modelbudget.workers.compress.convert.reshapes import fold_reshapes
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.models.sources import is_keras
from pytest_modelbudget.workers.tflite.tflite_file import Port
from pytest_modelbudget.workers.userdata.usercode import user_code

_INT16X8 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
_IO = {"float32": tf.float32, "int8": tf.int8, "uint8": tf.uint8}


def convert(model: Model) -> bytes:
    """Convert a model as ``sources.load_model`` gives it to a float32 ``.tflite``.

    Inputs and outputs are named after the layers; the batch axis is dynamic where Keras
    leaves it open and LiteRT can.

    Raises:
        JobError: It has an operator that LiteRT lacks, its layers fail, or the ``.tflite``
            computes something else.
    """
    return convert_with(model, lambda _converter, _inputs: None)


def quantize(model: Model, stage: Quantize, data: Data) -> bytes:
    """Convert a model, quantized as ``stage`` says.

    Args:
        model: As ``sources.load_model`` gives it.
        stage: ``scheme`` and ``io``; neither ``int4`` nor ``layers``.
        data: What the ranges of activations are measured on, where they become integers.

    Raises:
        JobError: As ``convert``, or the data does not fit the model.
    """

    def configure(converter: Any, inputs: Mapping[str, Port]) -> None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if stage.scheme == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if stage.scheme == "int16x8":
            converter.target_spec.supported_ops = [_INT16X8, tf.lite.OpsSet.TFLITE_BUILTINS]
        if stage.needs_calibration:
            calibration = list(samples(data, inputs))
            converter.representative_dataset = lambda: iter(calibration)
            converter.inference_input_type = _IO[stage.io]
            converter.inference_output_type = _IO[stage.io]

    return convert_with(model, configure)


def convert_with(model: Model, configure: Callable[[Any, Mapping[str, Port]], None]) -> bytes:
    """Convert a model after ``configure`` was called with the converter and the model's inputs.

    Raises:
        JobError: As ``convert``.
    """
    try:
        return _convert_function(*_serving_function(model), configure)
    except JobError as error:
        # LiteRT's recurrent layers need to know the batch size:
        # https://github.com/tensorflow/tensorflow/issues/62849
        if not is_keras(model) or "TensorList" not in error.cause:
            raise
    return _convert_function(*_serving_function(model, batch_size=1), configure)


def _convert_function(
    function: Any, owner: Any, configure: Callable[[Any, Mapping[str, Port]], None]
) -> bytes:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    converter.exclude_conversion_metadata = True
    specs = function.structured_input_signature[1]
    configure(converter, {name: _port(spec) for name, spec in specs.items()})
    try:
        converted = converter.convert()
    except JobError:
        raise
    except Exception as error:  # ConverterError is not public, and the calibrator has its own
        raise _explained(error) from error
    folded = fold_reshapes(converted)
    if not converter.optimizations:  # else it computes nearly the same, and its data tells how near
        require_same_outputs(function, folded)
    return folded


def _port(spec: Any) -> Port:
    return Port(tuple(size or -1 for size in spec.shape), spec.dtype.as_numpy_dtype().dtype)


def _serving_function(model: Model, batch_size: int | None = None) -> tuple[Any, Any]:
    """Return a concrete function from named inputs to named outputs, and what owns its variables.

    Args:
        model: As ``sources.load_model`` gives it.
        batch_size: A fixed one; None leaves it as the model has it.
    """
    if not is_keras(model):
        return model.signatures["serving_default"], model
    owner = tf.Module()
    # Keras 3 keeps its variables where ``tf.Module`` does not look, and they would stay unfrozen.
    owner.held = [v if isinstance(v, tf.Variable) else v.value for v in model.variables]
    names = _layer_names(model.inputs, getattr(model, "input_names", None))
    output_names = _layer_names(model.outputs, getattr(model, "output_names", None))
    # A Keras 3 Sequential has a single input, and no ``input`` before its first call.
    structure = getattr(model, "input", model.inputs[0])

    def serve(**inputs: Any) -> dict[str, Any]:
        given = tf.nest.pack_sequence_as(structure, [inputs[name] for name in names])
        outputs = model(given, training=False)
        if isinstance(outputs, dict):
            return outputs
        return dict(zip(output_names, tf.nest.flatten(outputs), strict=True))

    specs = {
        name: tf.TensorSpec((tensor.shape[0] or batch_size, *tensor.shape[1:]), tensor.dtype, name)
        for name, tensor in zip(names, model.inputs, strict=True)
    }
    with user_code(f"calling the model {model.name}"):
        return tf.function(serve, autograph=False).get_concrete_function(**specs), owner


def _layer_names(tensors: list[Any], known: list[str] | None) -> list[str]:
    """Name tensors after their layers; a Keras 3 tensor's own name counts all in the process.

    Args:
        tensors: The symbolic inputs or outputs of a model.
        known: What tf_keras calls them.
    """
    names = known or [tensor._keras_history.operation.name for tensor in tensors]
    return [
        f"{name}_{names[:index].count(name)}" if name in names[:index] else name
        for index, name in enumerate(names)
    ]


def _explained(error: Exception) -> JobError:
    """Shorten pages of MLIR to the operators that could not be converted."""
    operators = dict.fromkeys(re.findall(r"'tf\.(\w+)' op", str(error)))
    if operators:
        return JobError(
            f"LiteRT has no operator for TensorFlow's {', '.join(operators)}",
            "replace the layer by built-in operators; TensorFlow's own (Flex) are not in LiteRT",
        )
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return JobError(f"the TFLiteConverter failed: {reason}")

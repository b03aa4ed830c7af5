"""Converts and quantizes with TensorFlow's TFLiteConverter."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from pytest_modelbudget.budgetfile.stages import Quantize
from pytest_modelbudget.budgetfile.types import Data
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.convert.calibration import samples
from pytest_modelbudget.workers.compress.convert.reshapes import fold_reshapes
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.models.sources import is_keras, serving_function
from pytest_modelbudget.workers.compress.verify.conversion import verify_conversion
from pytest_modelbudget.workers.tflite.tensors import TensorDetails
from pytest_modelbudget.workers.tflite.tflite_file import pack, parse
from pytest_modelbudget.workers.userdata.usercode import user_code

_INT16X8 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
_IO = {"float32": tf.float32, "int8": tf.int8, "uint8": tf.uint8}
Configure = Callable[[Any, Mapping[str, TensorDetails]], None]
"""Called with a ``TFLiteConverter`` and the inputs of the model, before it converts."""


def convert(model: Model) -> bytes:
    """Convert a model that ``sources.load_model`` returned to a float32 ``.tflite``.

    Inputs and outputs are named after the layers. The batch size is open if it is in Keras and
    LiteRT supports that.

    Raises:
        JobError: if the model has an operator that LiteRT lacks, if one of its layers raises, or
            if the ``.tflite`` computes something else.
    """
    return convert_with(model, lambda _converter, _inputs: None)


def quantize(model: Model, stage: Quantize, data: Data) -> bytes:
    """Convert a model and quantize it with the converter.

    Args:
        model: A model that ``sources.load_model`` returned.
        stage: ``scheme`` and ``io``; neither ``int4`` nor ``layers``.
        data: The data sets of the budget, for calibration where activations become integers.

    Raises:
        JobError: as ``convert`` does, or if the data do not fit the model.
    """

    def configure(converter: Any, inputs: Mapping[str, TensorDetails]) -> None:
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


def convert_with(model: Model, configure: Configure) -> bytes:
    """Convert a model with a converter that ``configure`` was called with.

    Raises:
        JobError: as ``convert`` does.
    """
    try:
        return _convert_function(*_serving_function(model), configure)
    except JobError as error:
        # LiteRT's recurrent layers need to know the batch size:
        # https://github.com/tensorflow/tensorflow/issues/62849
        if not is_keras(model) or "TensorList" not in error.cause:
            raise
    return _convert_function(*_serving_function(model, batch_size=1), configure)


def _convert_function(function: Any, owner: Any, configure: Configure) -> bytes:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    converter.exclude_conversion_metadata = True
    specs = function.structured_input_signature[1]
    configure(converter, {name: _details(name, spec) for name, spec in specs.items()})
    try:
        converted = converter.convert()
    except JobError:
        raise
    except Exception as error:  # ConverterError is not public, and the calibrator has its own
        raise _explained(error) from error
    parsed = parse(converted)
    folded = pack(parsed) if fold_reshapes(parsed) else converted
    if not converter.optimizations:  # a quantized model differs, and its accuracy is measured
        verify_conversion(function, folded)
    return folded


def _details(name: str, spec: Any) -> TensorDetails:
    shape = tuple(size or -1 for size in spec.shape)
    return TensorDetails(name, shape, spec.dtype.as_numpy_dtype().dtype)


def _serving_function(model: Model, batch_size: int | None = None) -> tuple[Any, Any]:
    """Return a concrete function with named inputs and outputs, and the owner of its variables.

    Args:
        model: A model that ``sources.load_model`` returned.
        batch_size: The batch size if the model leaves it open; None keeps it open.
    """
    if not is_keras(model):
        return serving_function(model), model
    owner = tf.Module()
    # ``tf.Module`` does not find the variables of Keras 3, so they would not be frozen.
    owner.held = [v if isinstance(v, tf.Variable) else v.value for v in model.variables]
    names = _layer_names(model.inputs, getattr(model, "input_names", None))
    output_names = _layer_names(model.outputs, getattr(model, "output_names", None))
    # A Keras 3 Sequential has one input, but no attribute ``input`` before its first call.
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
    """Return the names of tensors' layers, made unique.

    The own name of a Keras 3 tensor depends on how many tensors the process has created.

    Args:
        tensors: The symbolic inputs or outputs of a model.
        known: The names that tf_keras has for them.
    """
    names = known or [tensor._keras_history.operation.name for tensor in tensors]
    return [
        f"{name}_{names[:index].count(name)}" if name in names[:index] else name
        for index, name in enumerate(names)
    ]


def _explained(error: Exception) -> JobError:
    """Return an error with the operators that could not be converted, not pages of MLIR."""
    operators = dict.fromkeys(re.findall(r"'tf\.(\w+)' op", str(error)))
    if operators:
        return JobError(
            f"LiteRT has no operator for TensorFlow's {', '.join(operators)}",
            "replace the layer by built-in operators: LiteRT does not include TensorFlow's (Flex)",
        )
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return JobError(f"the TFLiteConverter failed: {reason}")

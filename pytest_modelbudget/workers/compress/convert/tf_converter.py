"""Converts and quantizes with TensorFlow's TFLiteConverter."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Any

import keras
import tensorflow as tf
import tf_keras

from pytest_modelbudget.budgetfile.stages import Quantize
from pytest_modelbudget.budgetfile.types import Data
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.convert.calibration import samples
from pytest_modelbudget.workers.compress.convert.lstm_scales import repair_lstm_scales
from pytest_modelbudget.workers.compress.convert.reshapes import fold_reshapes
from pytest_modelbudget.workers.compress.keras3 import to_tf_keras
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.models.serving import serving_function, state_variables
from pytest_modelbudget.workers.compress.models.sources import is_keras, keras_layers
from pytest_modelbudget.workers.compress.verify.conversion import verify_conversion
from pytest_modelbudget.workers.tflite.layers import find_operators
from pytest_modelbudget.workers.tflite.tensors import TensorDetails
from pytest_modelbudget.workers.tflite.tflite_file import pack, parse

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


def quantize(model: Model, stage: Quantize, data: Data, at_most: int | None = None) -> bytes:
    """Convert a model and quantize it with the converter.

    Args:
        model: A model that ``sources.load_model`` returned.
        stage: ``scheme`` and ``io``; neither ``int4`` nor ``layers``.
        data: The data sets of the budget, for calibration where activations become integers.
        at_most: On how many samples; None for all of them.

    Raises:
        JobError: as ``convert`` does, if the data do not fit the model, or if it has a loop and
            the converter would have to calibrate it.
    """
    if stage.needs_calibration:
        model = _without_loops(model)

    def configure(converter: Any, inputs: Mapping[str, TensorDetails]) -> None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if stage.scheme == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if stage.scheme == "int16x8":
            converter.target_spec.supported_ops = [_INT16X8, tf.lite.OpsSet.TFLITE_BUILTINS]
        if stage.needs_calibration:
            calibration = list(samples(data, inputs, at_most))
            converter.representative_dataset = lambda: iter(calibration)
            converter.inference_input_type = _IO[stage.io]
            converter.inference_output_type = _IO[stage.io]

    return convert_with(model, configure)


def convert_with(model: Model, configure: Configure) -> bytes:
    """Convert a model with a converter that ``configure`` was called with.

    Raises:
        JobError: as ``convert`` does.
    """
    # LiteRT's recurrent layers need to know the batch size:
    # https://github.com/tensorflow/tensorflow/issues/62849
    if not is_keras(model) or not _is_recurrent(model):
        try:
            return _convert_function(*serving_function(model), configure)
        except JobError as error:
            if not is_keras(model) or "TensorList" not in error.cause:
                raise
    return _convert_function(*serving_function(model, batch_size=1), configure)


def _is_recurrent(model: Model) -> bool:
    """Return whether a layer loops over its time steps, as far as that is known."""
    recurrent = (keras.layers.RNN, tf_keras.layers.RNN)
    layers = model._flatten_layers()  # also those of nested models and wrappers
    return any(isinstance(layer, recurrent) and not layer.unroll for layer in layers)


def _without_loops(model: Model) -> Model:
    """Return a model that the converter can calibrate: it ends the process in loops.

    An LSTM of tf_keras converts to one operator, one of Keras 3 to a loop.
    """
    if not _has_loop(model):
        return model
    with suppress(JobError):
        model = to_tf_keras(model) if is_keras(model) else model
    layers = keras_layers(model) if is_keras(model) else None
    operators = find_operators(parse(convert(model)), layers)
    loops = [operator for operator in operators if operator.name == "WHILE"]
    if loops:
        names = ", ".join(dict.fromkeys(name for loop in loops for name in loop.layers))
        cause = f"the TFLiteConverter cannot calibrate the loop of {names or 'the model'}"
        raise JobError(cause, "write backend: litert")
    return model


def _has_loop(model: Model) -> bool:
    function, _ = serving_function(model)
    graph = function.graph.as_graph_def()
    nodes = chain(graph.node, *(each.node_def for each in graph.library.function))
    return any(node.op.endswith("While") for node in nodes)


def _convert_function(function: Any, owner: Any, configure: Configure) -> bytes:
    specs = function.structured_input_signature[1]
    try:
        with _converter(function, owner) as converter:
            converter.exclude_conversion_metadata = True
            configure(converter, {name: _details(name, spec) for name, spec in specs.items()})
            converted = converter.convert()
    except JobError:
        raise
    except Exception as error:  # ConverterError is not public, and the calibrator has its own
        raise _explained(error) from error
    parsed = parse(converted)
    is_folded, is_repaired = fold_reshapes(parsed), repair_lstm_scales(parsed)
    folded = pack(parsed) if is_folded or is_repaired else converted
    if not converter.optimizations:  # a quantized model differs, and its accuracy is measured
        verify_conversion(function, folded)
    return folded


@contextmanager
def _converter(function: Any, owner: Any) -> Iterator[Any]:
    """Return a ``TFLiteConverter``, which keeps the variables of a function that writes some.

    Only from a SavedModel does it keep them, as resources that a first call initializes.
    """
    if not state_variables(function):
        yield tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
        return
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(owner, folder, signatures=function)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.experimental_enable_resource_variables = True
        yield converter


def _details(name: str, spec: Any) -> TensorDetails:
    shape = tuple(size or -1 for size in spec.shape)
    return TensorDetails(name, shape, spec.dtype.as_numpy_dtype().dtype)


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

"""Loads a model from any source that TensorFlow reads: Keras of both generations, SavedModels."""

import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pytest_modelbudget.budgetfile.types import CallSource, Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models import formats
from pytest_modelbudget.workers.compress.models.keras_files import load_h5, load_keras
from pytest_modelbudget.workers.tflite.layers import KerasLayers
from pytest_modelbudget.workers.userdata.usercode import call_user, load_callable, user_code

# tfmot's import makes ``tf.keras`` Keras 2 for the rest of the process unless it was looked at
# before: a user's model would be of Keras 3 in one stage, and of Keras 2 in the next.
dir(tf.keras)

# ``keras.Model``, ``tf_keras.Model``, or what ``tf.saved_model.load`` returns: TensorFlow
# and Keras have no type annotations that a checker could use.
Model = Any


def load_model(source: Source, seed: int) -> Model:
    """Load a model, not compiled.

    Args:
        source: A callable, a ``.keras`` or ``.h5`` file, or a SavedModel folder.
        seed: What a callable's random numbers start from.

    Returns:
        A functional or Sequential model of Keras 3 or tf_keras, or a loaded SavedModel
        with the signature ``serving_default``.

    Raises:
        JobError: It does not exist, is something else, or cannot be loaded.
    """
    if isinstance(source, CallSource):
        return _call(source, seed)
    if source.path.suffix == ".keras":
        return load_keras(source.path)
    if source.path.suffix in (".h5", ".hdf5"):
        return load_h5(source.path)
    return _load_saved_model(source.path)


def is_keras(value: object) -> bool:
    """Tell whether a value is a model of either Keras; a Keras not imported made none."""
    generations = [sys.modules[name] for name in ("keras", "tf_keras") if name in sys.modules]
    return any(isinstance(value, generation.Model) for generation in generations)


def keras_layers(model: Model) -> KerasLayers:
    """Return the layers of a Keras model, those of models nested in it included."""
    nested = [model]
    classes = {}
    while nested:
        for layer in nested.pop().layers:
            classes[layer.name] = class_name(layer)
            nested += [layer] if hasattr(layer, "layers") else []
    return KerasLayers(keras_3=_is_keras_3(model), classes=classes)


def class_name(layer: Any) -> str:
    """Return the class of a layer; of one that tf_keras only hosts, its class in Keras 3."""
    return str(getattr(layer, "hosted_class", type(layer).__name__))


def _is_keras_3(model: Model) -> bool:
    return "keras" in sys.modules and isinstance(model, sys.modules["keras"].Model)


def _call(source: CallSource, seed: int) -> Model:
    load_callable(source.call)  # first, so that what its import draws does not count
    _seed(seed)
    model: Model = call_user(source.call, source.args)
    if not is_keras(model):
        what = "None" if model is None else f"a {type(model).__module__}.{type(model).__name__}"
        raise JobError(f"{source.call} returned {what}, not a Keras model", "return the model")
    if not model.built:
        raise JobError(
            f"{source.call} returned the model {model.name}, which has no input shape yet",
            "start it with an Input layer, or call it once on a sample",
        )
    return _functional_or_exported(model)


def _seed(seed: int) -> None:
    """Seed all that initializers draw from; both Kerases take their seeds from ``random``."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    tf.random.set_seed(seed)


def _functional_or_exported(model: Model) -> Model:
    """Bring a subclassed model, which knows no names of its inputs, into a SavedModel."""
    if getattr(model, "inputs", None):
        return model
    with tempfile.TemporaryDirectory() as folder:
        with user_code(f"exporting the model {model.name}"):
            model.export(folder)
        return tf.saved_model.load(folder)


def _load_saved_model(path: Path) -> Model:
    formats.require(path, (path / "saved_model.pb").is_file(), "a SavedModel")
    try:
        model = tf.saved_model.load(str(path))
    except Exception as error:  # protobuf, TensorFlow and the file system each have their own
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise JobError(f"{path} cannot be loaded: {reason}", "save it again") from error
    if "serving_default" not in model.signatures:
        has = ", ".join(model.signatures) or "none"
        raise JobError(
            f"{path} has no signature serving_default; it has {has}",
            "save it with tf.saved_model.save(model, path, signatures=function)",
        )
    return model

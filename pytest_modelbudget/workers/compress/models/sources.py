"""Loads models from any source that TensorFlow reads: Keras 3, tf_keras and SavedModels."""

import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.autograph.core import config as autograph

from pytest_modelbudget.budgetfile.types import CallSource, Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.artifact_forms import SAVED_MODEL_GRAPH
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.workers.compress.models import formats
from pytest_modelbudget.workers.compress.models.formats import KERAS_MODEL
from pytest_modelbudget.workers.compress.models.gpu_kernels import trace_only_for_this_machine
from pytest_modelbudget.workers.compress.models.keras_files import (
    load_h5,
    load_keras,
    load_stage,
)
from pytest_modelbudget.workers.compress.models.keras_inputs import OPEN_SIZE
from pytest_modelbudget.workers.compress.models.keras_types import Layer, Model
from pytest_modelbudget.workers.tflite.layers import KerasLayers
from pytest_modelbudget.workers.tflite.signature import choose
from pytest_modelbudget.workers.userdata.usercode import call_user, load_callable, user_code

# The import of tfmot makes ``tf.keras`` Keras 2 for the rest of the process, unless an attribute of
# ``tf.keras`` was read before. A user's model would be of Keras 3 in one stage and of Keras 2 in
# the next: https://github.com/tensorflow/model-optimization/issues/1119
dir(tf.keras)

# No release has such a rule for tfmot, and early ones (2.16 is one) lack that of later ones for
# tf_keras: AutoGraph rewrites their code in each worker process, which takes longer than the
# training itself.
autograph.CONVERSION_RULES += (
    autograph.DoNotConvert("tf_keras"),
    autograph.DoNotConvert("tensorflow_model_optimization"),
)

trace_only_for_this_machine()


_LEAVE_OUT = "leave signature out"
GATED = "gated_signature"  # the attribute of a loaded SavedModel with the name of its signature


def load_model(source: Source, seed: int, *, trust_code: bool, signature: str = "") -> Model:
    """Load a model.

    Args:
        source: A callable, a ``.keras`` or ``.h5`` file, or a SavedModel folder.
        seed: The seed for the random numbers of a callable.
        trust_code: Whether Python code in a file may run.
        signature: Which signature of a SavedModel; empty where it has only one.

    Returns:
        A functional or Sequential model of Keras 3 or tf_keras, or a loaded SavedModel, of which
        ``serving_function`` returns the signature. A model from a file is not compiled.

    Raises:
        JobError: If the source does not exist, is not a model, or cannot be loaded.
    """
    if isinstance(source, CallSource):
        model = _call(source, seed)
        if signature:
            raise JobError(f"{source} is a Keras model, which has no signatures", _LEAVE_OUT)
        return model
    suffix = source.path.suffix.lower()
    if suffix == ".keras":
        return _functional_or_exported(load_keras(source.path, trust_code=trust_code))
    if suffix in (".h5", ".hdf5"):
        return load_h5(source.path, trust_code=trust_code)
    return _gated(load_saved_model(source.path, ()), source.path, signature)


def load_current(job: BuildJob) -> Model:
    """Load the model that the stages before a job left, or the user's model if there are none.

    Raises:
        JobError: As ``load_model``.
    """
    if job.parent is not None:
        return load_stage(job.parent / KERAS_MODEL, trust_code=job.trust_code)
    return load_model(job.model, job.seed, trust_code=job.trust_code, signature=job.signature)


def is_keras(value: object) -> bool:
    """Return whether a value is a model of Keras 3 or tf_keras."""
    # A Keras that was not imported cannot have made the value.
    generations = [sys.modules[name] for name in ("keras", "tf_keras") if name in sys.modules]
    return any(isinstance(value, generation.Model) for generation in generations)


def keras_layers(model: Model) -> KerasLayers:
    """Return the layers of a Keras model, also those of nested models."""
    nested = [model]
    classes = {}
    while nested:
        for layer in nested.pop().layers:
            classes[layer.name] = class_name(layer)
            nested += [layer] if hasattr(layer, "layers") else []
    return KerasLayers(keras_3=is_keras_3(model), classes=classes)


def class_name(layer: Layer) -> str:
    """Return the class of a layer; for a Keras 3 layer that runs in tf_keras, its own class."""
    return str(getattr(layer, "hosted_class", type(layer).__name__))


def is_keras_3(model: Model) -> bool:
    """Return whether a model is of Keras 3."""
    return "keras" in sys.modules and isinstance(model, sys.modules["keras"].Model)


def _call(source: CallSource, seed: int) -> Model:
    load_callable(source.call)  # First: the import may draw random numbers.
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
    """Seed what initializers use; both Kerases take their seeds from ``random``."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    tf.random.set_seed(seed)


def _functional_or_exported(model: Model) -> Model:
    """Return a subclassed model as a SavedModel, because it has no names of its inputs."""
    if getattr(model, "inputs", None):
        return model
    with tempfile.TemporaryDirectory() as folder:
        with user_code(f"exporting the model {model.name}"):
            _call_once(model)
            model.export(folder)
        return tf.saved_model.load(folder)


def _call_once(model: Model) -> None:
    """Call a subclassed model on zeros: Keras exports no model that was loaded and never called.

    The file has the shape of the inputs that the model was first called with.
    """
    shape = (model.get_build_config() or {}).get("input_shape")
    if shape is not None:
        model(_zeros(shape))


def _zeros(shape: Any) -> Any:
    """Return one sample of zeros for a shape, or for a list or mapping of shapes."""
    if isinstance(shape, Mapping):
        return {name: _zeros(one) for name, one in shape.items()}
    if any(isinstance(size, Sequence) for size in shape):
        return [_zeros(one) for one in shape]
    return tf.zeros([1, *(size or OPEN_SIZE for size in shape[1:])])


def _gated(model: Model, path: Path, signature: str) -> Model:
    """Note which signature of a SavedModel is gated.

    Raises:
        JobError: If it has no such signature, or if none of several is named.
    """
    if not model.signatures:
        hint = "save it with tf.saved_model.save(model, path, signatures=function)"
        raise JobError(f"{path} has no signatures", hint)
    keys = set(model.signatures)
    if keys == {"serve", "serving_default"} and not signature:
        keys = {"serving_default"}  # ``model.export`` of Keras 3 gives one function both keys
    setattr(model, GATED, choose(signature, sorted(keys), str(path)))
    return model


def load_saved_model(path: Path, signatures: Sequence[str]) -> Model:
    """Load a SavedModel.

    Args:
        path: The folder.
        signatures: Those that it must have.

    Raises:
        JobError: If it does not exist, cannot be loaded, or lacks a signature.
    """
    formats.require(path, (path / SAVED_MODEL_GRAPH).is_file(), "a SavedModel")
    try:
        model = tf.saved_model.load(str(path))
    except Exception as error:  # Protobuf, TensorFlow and file systems each raise their own.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise JobError(f"{path} cannot be loaded: {reason}", "save it again") from error
    has = ", ".join(model.signatures) or "none"
    for signature in signatures:
        if signature not in model.signatures:
            raise JobError(
                f"{path} has no signature {signature}, only these: {has}",
                "save it with tf.saved_model.save(model, path, signatures=function)",
            )
    return model

"""Writes a SavedModel with what its signatures read, and with what else is not stripped."""

import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import fingerprint_pb2, saved_model_pb2
from tensorflow.python.framework.meta_graph import strip_graph_default_valued_attrs
from tensorflow.python.saved_model.fingerprinting_utils import write_fingerprint

from pytest_modelbudget.budgetfile.stages import SavedModel
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.artifact_forms import SAVED_MODEL_GRAPH
from pytest_modelbudget.protocol.digests import digest, file_digest, files_below
from pytest_modelbudget.workers.compress.models.keras_types import Model, Variable
from pytest_modelbudget.workers.compress.models.sources import is_keras

FINGERPRINT = "fingerprint.pb"
_EXTRA = "assets.extra"


def write_saved_model(
    stage: SavedModel, model: Model, functions: Mapping[str, Any], folder: Path
) -> None:
    """Write ``functions``, the signatures, with all that they read.

    Args:
        stage: What else is kept.
        model: What ``sources`` loaded.
        functions: A concrete function for each signature.
        folder: Where the SavedModel goes; it does not exist yet.

    Raises:
        JobError: If TensorFlow cannot write it.
    """
    keeps_training = "training_functions" not in stage.strip
    root = _whole_model(model, stage) if keeps_training else _what_is_read(model, functions, stage)
    options = tf.saved_model.SaveOptions(
        save_debug_info="debug_info" not in stage.strip,
        experimental_custom_gradients=keeps_training,
    )
    try:
        tf.saved_model.save(root, str(folder), signatures=dict(functions), options=options)
    except Exception as error:  # Protobuf, TensorFlow and layers each raise their own.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        hint = "strip both optimizer and training_functions, or leave strip out"
        raise JobError(f"TensorFlow cannot write the SavedModel: {reason}", hint) from error
    _make_reproducible(stage, folder)


def copy_extra_assets(source: Path, folder: Path) -> None:
    """Copy what a server reads beside the model, such as warm-up requests."""
    if (source / _EXTRA).is_dir():
        shutil.copytree(source / _EXTRA, folder / _EXTRA)


def _what_is_read(model: Model, functions: Mapping[str, Any], stage: SavedModel) -> Any:
    """Return an object that has the variables and tables of ``functions``, and no others."""
    root = tf.Module()
    read = {id(v): v for function in functions.values() for v in function.variables}
    root.variables_read = list(read.values())
    captured = {id(each) for function in functions.values() for each in function.captured_inputs}
    below = list(tf.train.TrackableView(model).descendants())
    root.tables = [each for each in below if id(getattr(each, "resource_handle", None)) in captured]
    files = [each for each in below if isinstance(each, tf.saved_model.Asset)]
    if files and stage.assets == "keep":
        root.files = files
    if "optimizer" not in stage.strip:
        root.optimizer = [each for each in _optimizer_variables(model) if id(each) not in read]
    return root


def _optimizer_variables(model: Model) -> Iterator[Variable]:
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return
    if is_keras(model):  # Keras 3 has a type of its own around each variable.
        yield from (v if isinstance(v, tf.Variable) else v.value for v in optimizer.variables)
    else:
        below = tf.train.TrackableView(optimizer).descendants()
        yield from (each for each in below if isinstance(each, tf.Variable))


def _whole_model(model: Model, stage: SavedModel) -> Any:
    """Return the model with its functions, without its optimizer if that is stripped."""
    if "optimizer" in stage.strip and getattr(model, "optimizer", None) is not None:
        if is_keras(model):
            model.compile()
        else:
            del model.optimizer
    return model


def _make_reproducible(stage: SavedModel, folder: Path) -> None:
    """Strip the graph, and write it and its fingerprint so that equal models have equal bytes."""
    path = folder / SAVED_MODEL_GRAPH
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for graph in saved.meta_graphs:
        if "default_attributes" in stage.strip:
            strip_graph_default_valued_attrs(graph)
        if "debug_info" in stage.strip:
            _strip_debug_info(graph.graph_def)
    path.write_bytes(saved.SerializeToString(deterministic=True))
    (folder / FINGERPRINT).unlink(missing_ok=True)
    contents = [file_digest(file) for file in files_below(folder)]
    write_fingerprint(str(folder))
    mark = fingerprint_pb2.FingerprintDef.FromString((folder / FINGERPRINT).read_bytes())
    if "uuid" in mark.DESCRIPTOR.fields_by_name:  # not in early releases (2.16 is one)
        mark.uuid = str(uuid.UUID(digest(contents)[:32]))  # TensorFlow's own is random
    (folder / FINGERPRINT).write_bytes(mark.SerializeToString(deterministic=True))


def _strip_debug_info(graph: Any) -> None:
    graph.ClearField("debug_info")
    for node in [*graph.node, *(node for each in graph.library.function for node in each.node_def)]:
        node.ClearField("experimental_debug_info")

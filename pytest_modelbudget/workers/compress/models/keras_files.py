"""Loads Keras files with the Keras that wrote them: Keras 3 or tf_keras."""

import json
import zipfile
from importlib import import_module
from pathlib import Path

import h5py

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models import formats
from pytest_modelbudget.workers.compress.models.keras_types import Model


def load_keras(path: Path) -> Model:
    """Load a ``.keras`` archive, without compiling the model.

    Raises:
        JobError: If the file does not exist or has another format, or if Keras cannot load it.
    """
    formats.require(path, formats.starts_with(path, formats.ZIP), "a .keras archive")
    try:
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
    except KeyError:
        raise formats.unexpected(path, "a .keras archive with metadata.json") from None
    except (zipfile.BadZipFile, ValueError, OSError, EOFError) as error:
        raise _damaged(path, error) from error
    return _load(path, version)


def load_h5(path: Path) -> Model:
    """Load a whole model from an HDF5 file, without compiling the model.

    Raises:
        JobError: If the file does not exist or has another format, or if Keras cannot load it.
    """
    formats.require(path, formats.starts_with(path, formats.HDF5), "an HDF5 file")
    try:
        with h5py.File(path) as file:
            has_model, version = "model_config" in file.attrs, file.attrs.get("keras_version", "")
    except OSError as error:
        raise _damaged(path, error) from error
    if not has_model:
        hint = "save the whole model with model.save(), not its weights alone"
        raise JobError(f"{path} contains weights or other data, but no model", hint)
    return _load(path, version.decode() if isinstance(version, bytes) else version)


def _load(path: Path, version: str) -> Model:
    generation = "keras" if version.startswith("3.") else "tf_keras"
    keras = import_module(generation)
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Custom layers can raise anything.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise JobError(
            f"{path} (Keras {version}) cannot be loaded by {generation} "
            f"{keras.__version__}: {reason}",
            "if it has custom layers, name the module that registers them under imports",
        ) from error


def _damaged(path: Path, error: Exception) -> JobError:
    return JobError(f"{path} is damaged: {error}; found {formats.found(path)}", "save it again")

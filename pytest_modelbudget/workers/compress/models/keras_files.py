"""Loads Keras files with the generation of Keras that wrote them."""

import json
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models import formats


def load_keras(path: Path) -> Any:
    """Load a ``.keras`` archive.

    Raises:
        JobError: It does not exist, is something else, or its Keras cannot load it.
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


def load_h5(path: Path) -> Any:
    """Load a whole model from an HDF5 file.

    Raises:
        JobError: It does not exist, is something else, or its Keras cannot load it.
    """
    formats.require(path, formats.starts_with(path, formats.HDF5), "an HDF5 file")
    try:
        with h5py.File(path) as file:
            has_model, version = "model_config" in file.attrs, file.attrs.get("keras_version", "")
    except OSError as error:
        raise _damaged(path, error) from error
    if not has_model:
        hint = "save the whole model with model.save(), not its weights alone"
        raise JobError(f"{path} holds no model, only weights or other data", hint)
    return _load(path, version.decode() if isinstance(version, bytes) else version)


def _load(path: Path, version: str) -> Any:
    generation = "keras" if version.startswith("3.") else "tf_keras"
    keras = import_module(generation)
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises anything, and a custom layer's own code runs here
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise JobError(
            f"{path} (Keras {version}) cannot be loaded by {generation} "
            f"{keras.__version__}: {reason}",
            "if it has custom layers, name the module that registers them under imports",
        ) from error


def _damaged(path: Path, error: Exception) -> JobError:
    return JobError(f"{path} is damaged: {error}; found {formats.found(path)}", "save it again")

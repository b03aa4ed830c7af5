"""Loads Keras files with the Keras that wrote them: Keras 3 or tf_keras.

The file of a Lambda layer contains Python code. Keras refuses to run it from a ``.keras`` file, but
tf_keras runs that of an ``.h5`` without asking, and so did Keras 3 before 3.11.3. So the
configuration is searched for code before Keras sees the file.
"""

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import h5py

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models import formats
from pytest_modelbudget.workers.compress.models.keras_types import Model

_CODE = ("__lambda__", "pytest_modelbudget>Hosted")
"""Classes with code: a lambda of Keras 3, and our own layer that makes any layer from a text."""

_TRUST = "write trust_code: true if you trust the author of the file"
_IMPORTS = (
    "decorate custom layers with @keras.saving.register_keras_serializable(), and name their "
    "module under imports"
)


def load_keras(path: Path, *, trust_code: bool) -> Model:
    """Load a ``.keras`` archive of the user's, without compiling the model.

    Args:
        path: The file.
        trust_code: Whether Python code in the file may run.

    Raises:
        JobError: If the file does not exist or has another format, if it contains code that may
            not run, or if Keras cannot load it.
    """
    version, config = _read_archive(path)
    return _load(path, version, config, trust_code)


def load_stage(path: Path, *, trust_code: bool) -> Model:
    """Load a ``.keras`` archive that a stage wrote, without compiling the model.

    Args:
        path: The file.
        trust_code: Whether Python code in the user's own file may run.

    Raises:
        JobError: If Keras cannot load it.
    """
    # Not searched for code: ``keras3.hosted`` stores that of the user's own layers.
    return _load(path, _read_archive(path)[0], None, trust_code)


def load_h5(path: Path, *, trust_code: bool) -> Model:
    """Load a whole model from an HDF5 file of the user's, without compiling the model.

    Args:
        path: The file.
        trust_code: Whether Python code in the file may run.

    Raises:
        JobError: If the file does not exist or has another format, if it contains code that may
            not run, or if Keras cannot load it.
    """
    formats.require(path, formats.starts_with(path, formats.HDF5), "an HDF5 file")
    try:
        with h5py.File(path) as file:
            version = _text(file.attrs.get("keras_version", ""))
            config = json.loads(_text(file.attrs.get("model_config", "null")))
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    if config is None:
        hint = "save the whole model with model.save(), not its weights alone"
        raise JobError(f"{path} contains weights or other data, but no model", hint)
    return _load(path, version, config, trust_code)


def _text(attribute: object) -> str:
    """Return an attribute of an HDF5 file, which Keras stores as text or as bytes."""
    if isinstance(attribute, bytes):
        return attribute.decode()
    if isinstance(attribute, str):
        return attribute
    raise TypeError(f"expected text, got {attribute!s:.40}")


def _read_archive(path: Path) -> tuple[str, object]:
    """Return the Keras version of a ``.keras`` archive and the configuration of its model."""
    formats.require(path, formats.starts_with(path, formats.ZIP), "a .keras archive")
    try:
        with zipfile.ZipFile(path) as archive:
            metadata = _read_json(archive, "metadata.json")
            config = _read_json(archive, "config.json")
    except KeyError as error:
        raise formats.unexpected(path, f"a .keras archive with {error.args[0]}") from None
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError) as error:
        raise _damaged(path, error) from error
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    if not isinstance(version, str):
        raise formats.unexpected(path, "a .keras archive with a keras_version in metadata.json")
    return version, config


def _read_json(archive: zipfile.ZipFile, name: str) -> object:
    if name not in archive.namelist():
        raise KeyError(name)
    content: object = json.loads(archive.read(name))
    return content


def _load(path: Path, version: str, config: object, trust_code: bool) -> Model:
    layers = [] if trust_code else [*dict.fromkeys(_layers_with_code(config))]
    if layers:
        noun = "layer" if len(layers) == 1 else "layers"
        raise JobError(
            f"{path} contains Python code, which loading it would run: {noun} {', '.join(layers)}",
            "write trust_code: true if you trust the author of the file",
        )
    generation = "keras" if version.startswith("3.") else "tf_keras"
    keras = import_module(generation)
    try:
        return keras.models.load_model(path, compile=False, safe_mode=not trust_code)
    except BaseException as error:  # Custom layers can raise anything.
        first = _first(error)
        reason = re.split(r"\n|\. ", str(first).strip())[0] or type(first).__name__
        raise JobError(
            f"{path} (Keras {version}) cannot be loaded by {generation} "
            f"{keras.__version__}: {reason}",
            # A stage saved a Lambda layer of the user's code: see ``load_stage``.
            _TRUST if "safe_mode" in str(first) else _IMPORTS,
        ) from error


def _first(error: BaseException) -> BaseException:
    """Return the first of the errors that Keras wraps once for each model around a layer."""
    while error.__context__ is not None and "could not be deserialized properly" in str(error):
        error = error.__context__
    return error


def _layers_with_code(config: object) -> Iterator[str]:
    """Yield the name of each layer whose configuration contains Python code."""
    waiting = [(config, "unnamed")]  # a part of the configuration, and its innermost layer
    while waiting:
        part, layer = waiting.pop()
        if isinstance(part, list):
            waiting += [(value, layer) for value in reversed(part)]
        elif isinstance(part, dict):
            layer = _name(part) or _name(part.get("config")) or layer
            waiting += [(value, layer) for value in reversed(part.values())]
            if _is_code(part):
                yield layer


def _name(part: object) -> str:
    return str(part.get("name") or "") if isinstance(part, dict) else ""


def _is_code(part: dict[str, object]) -> bool:
    """Tell whether Keras 3 marks a lambda by the class, or Keras 2 beside the function."""
    return any(part.get(name) in _CODE for name in ("class_name", "registered_name")) or any(
        part.get(f"{name}_type") == "lambda" for name in ("function", "output_shape", "mask")
    )


def _damaged(path: Path, error: Exception) -> JobError:
    return JobError(f"{path} is damaged: {error}; found {formats.found(path)}", "save it again")

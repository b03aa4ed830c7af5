"""Finds the modules of custom layers in a ``.keras`` file, without loading it."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_OF_KERAS = ("keras", "tf_keras", "builtins")


def custom_modules(model: Path) -> tuple[str, ...]:
    """Return the modules that Keras has recorded for registered classes that are not its own.

    Returns:
        Their names, sorted; empty for a file that cannot be read: who loads it says so better.
    """
    try:
        with zipfile.ZipFile(model) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return ()
    return tuple(sorted(set(_modules(config))))


def _modules(config: Any) -> Iterator[str]:
    if isinstance(config, list):
        for each in config:
            yield from _modules(each)
    elif isinstance(config, dict):
        module = config.get("module")
        if isinstance(module, str) and config.get("registered_name") and _is_users(module):
            yield module
        for each in config.values():
            yield from _modules(each)


def _is_users(module: str) -> bool:
    # A class of a notebook or a script cannot be imported.
    return module.partition(".")[0] not in _OF_KERAS and module != "__main__"

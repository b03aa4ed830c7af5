"""The loss and the optimizer that a model was compiled with, kept beside the model."""

import json
import zipfile
from pathlib import Path
from typing import Any, Literal

import h5py
import tf_keras
from pydantic import JsonValue

from pytest_modelbudget.budgetfile.types import CallSource, Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.frozen import Frozen

_FILE = "compiled.json"


class Compiled(Frozen):
    """A loss and an optimizer, as the Keras named ``generation`` serializes them."""

    generation: Literal["keras", "tf_keras"]
    loss: JsonValue = None
    loss_weights: JsonValue = None
    optimizer: JsonValue = None

    @classmethod
    def of(cls, model: Any, source: Source) -> "Compiled | None":
        """Read the loss and the optimizer of a model.

        Args:
            model: A model of either Keras.
            source: Where the model came from. A model from a file was loaded without compiling,
                so the file is read again.

        Returns:
            None if the model was not compiled.

        Raises:
            JobError: If the file does not have them as a mapping.
        """
        if isinstance(source, CallSource):
            found = model.get_compile_config()
        else:
            found = _in_file(source.path)
        if not found:
            return None
        if not isinstance(found, dict):
            cause = f"{source} is damaged: its loss and optimizer are {found!r:.40}"
            raise JobError(cause, "save it again")
        config = json.loads(json.dumps(found))
        return cls(
            generation="tf_keras" if isinstance(model, tf_keras.Model) else "keras",
            loss=config.get("loss"),
            loss_weights=config.get("loss_weights"),
            optimizer=config.get("optimizer", config.get("optimizer_config")),
        )

    @classmethod
    def read(cls, folder: Path) -> "Compiled | None":
        """Return what ``write`` wrote to ``folder``; None if it was not called."""
        path = folder / _FILE
        return cls.model_validate_json(path.read_bytes()) if path.exists() else None

    def write(self, folder: Path) -> None:
        """Write the loss and the optimizer to ``folder``, beside the model."""
        (folder / _FILE).write_text(self.model_dump_json())


def _in_file(path: Path) -> Any:
    if path.suffix.lower() == ".keras":
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json")).get("compile_config")
    with h5py.File(path) as file:
        written = file.attrs.get("training_config", "null")
    try:
        return json.loads(written)
    except (TypeError, ValueError):  # refused above, as any other type
        return written

"""What a model was compiled with: kept beside the model, and made anew in tf_keras."""

import inspect
import json
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import h5py  # type: ignore[import-untyped]
import tf_keras
from pydantic import JsonValue

from pytest_modelbudget.budgetfile.types import CallSource, Source, Training
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.workers.userdata.usercode import load_callable

_FILE = "compiled.json"


class Compiled(Frozen):
    """Loss and optimizer as the Keras named ``generation`` serializes them."""

    generation: Literal["keras", "tf_keras"]
    loss: JsonValue = None
    loss_weights: JsonValue = None
    optimizer: JsonValue = None

    @classmethod
    def of(cls, model: Any, source: Source) -> "Compiled | None":
        """Read it from a model that a callable compiled, or from the model's file.

        Args:
            model: A model of either Keras; one from a file is loaded without compiling.
            source: Where the model came from.

        Returns:
            None if the model was not compiled.
        """
        if isinstance(source, CallSource):
            found = model.get_compile_config()
        else:
            found = _in_file(source.path)
        if not found:
            return None
        config = json.loads(json.dumps(found))
        return cls(
            generation="tf_keras" if isinstance(model, tf_keras.Model) else "keras",
            loss=config.get("loss"),
            loss_weights=config.get("loss_weights"),
            optimizer=config.get("optimizer", config.get("optimizer_config")),
        )

    @classmethod
    def read(cls, folder: Path) -> "Compiled | None":
        """Return what ``write`` kept in ``folder``."""
        path = folder / _FILE
        return cls.model_validate_json(path.read_bytes()) if path.exists() else None

    def write(self, folder: Path) -> None:
        """Keep it beside the model in ``folder``."""
        (folder / _FILE).write_text(self.model_dump_json())


def compile_arguments(
    compiled: Compiled | None, training: Training, learning_rate: float | None
) -> dict[str, Any]:
    """Return what ``tf_keras.Model.compile`` takes to train on.

    Args:
        compiled: What the model was compiled with.
        training: What the budget file says; it goes before ``compiled``.
        learning_rate: Of the stage; it goes before both.

    Raises:
        JobError: There is no loss, or it is not one that tf_keras can use.
    """
    rate = learning_rate or training.learning_rate
    optimizer = _optimizer(compiled, training.optimizer, rate)
    if training.loss:
        return {"loss": _named_loss(training.loss), "optimizer": optimizer}
    if compiled is None or compiled.loss is None:
        raise JobError(
            "there is no loss to train on: the model was not compiled with one",
            "compile the model, or give training.loss, such as sparse_categorical_crossentropy",
        )
    try:
        loss = _losses(compiled.loss, compiled.generation)
    except (ValueError, TypeError) as error:  # how both Kerases refuse what they do not know
        raise JobError(
            f"the loss that the model was compiled with cannot be made again: {compiled.loss}",
            "give training.loss: package.module:callable, or register it under imports",
        ) from error
    return {"loss": loss, "loss_weights": compiled.loss_weights, "optimizer": optimizer}


def _in_file(path: Path) -> Any:
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json")).get("compile_config")
    with h5py.File(path) as file:
        return json.loads(file.attrs.get("training_config", "null"))


def _named_loss(name: str) -> Any:
    if ":" in name:
        return load_callable(name)
    try:
        return tf_keras.losses.get(name)
    except ValueError as error:
        hint = "write a name that tf_keras.losses.get() knows, or package.module:callable"
        raise JobError(f"training.loss: tf_keras has no loss {name}", hint) from error


def _optimizer(compiled: Compiled | None, name: str | None, rate: float | None) -> Any:
    if name is None and compiled is not None and isinstance(compiled.optimizer, str):
        name = compiled.optimizer  # compiled with a name, which has no learning rate to replace
    if name is None and compiled is not None and compiled.optimizer is not None:
        try:
            made = _made(tf_keras.optimizers, compiled.optimizer, compiled.generation, rate)
        except (ValueError, TypeError) as error:  # how both Kerases refuse what they do not know
            raise JobError(
                f"tf_keras has no optimizer like {compiled.optimizer}, which the model was "
                "compiled with",
                "give training.optimizer, such as adam",
            ) from error
    else:
        made = _named_optimizer(name or "adam", rate)
    return made


def _named_optimizer(name: str, rate: float | None) -> Any:
    try:
        optimizer = tf_keras.optimizers.get(name)
    except ValueError as error:
        hint = "write a name that tf_keras.optimizers.get() knows, such as adam or sgd"
        raise JobError(f"training.optimizer: tf_keras has no optimizer {name}", hint) from error
    if rate is not None:
        optimizer.learning_rate = rate
    return optimizer


def _losses(config: Any, generation: str) -> Any:
    if isinstance(config, list):
        return [_losses(each, generation) for each in config]
    if isinstance(config, dict) and "class_name" not in config:
        return {name: _losses(each, generation) for name, each in config.items()}
    return None if config is None else _made(tf_keras.losses, config, generation)


def _made(namespace: Any, config: Any, generation: str, rate: float | None = None) -> Any:
    """Make a loss, optimizer or schedule in tf_keras from its serialized form.

    The built-in ones have the same names and, but for a few arguments of Keras 3 that tell
    how to train and not on what, the same arguments in both Kerases.
    """
    if isinstance(config, str):
        config = {"class_name": "function", "config": config}
    if config["class_name"] == "function":
        return _function(namespace, config["config"], generation)
    name = config["class_name"].removeprefix("Custom>")  # tf_keras adds it in ``.h5`` files
    cls = getattr(namespace, name, None)
    if cls is None:
        return import_module(generation).saving.deserialize_keras_object(config)
    known = inspect.signature(cls).parameters
    arguments = {key: value for key, value in config["config"].items() if key in known}
    if rate is not None:
        arguments["learning_rate"] = rate
    elif isinstance(arguments.get("learning_rate"), dict):
        schedule = arguments["learning_rate"]
        arguments["learning_rate"] = _made(namespace.schedules, schedule, generation)
    return cls(**arguments)


def _function(namespace: Any, name: str, generation: str) -> Any:
    try:
        return namespace.get(name)
    except ValueError:
        section = namespace.__name__.rpartition(".")[2]
        return getattr(import_module(generation), section).get(name)

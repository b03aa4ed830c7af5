"""Makes a loss and an optimizer of tf_keras from what a model was compiled with."""

import inspect
from importlib import import_module
from typing import Any

import tf_keras

from pytest_modelbudget.budgetfile.types import Training
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models.compiled import Compiled
from pytest_modelbudget.workers.userdata.usercode import load_callable


def compile_arguments(
    compiled: Compiled | None, training: Training, learning_rate: float | None
) -> dict[str, Any]:
    """Return the arguments for ``tf_keras.Model.compile``.

    Args:
        compiled: What the model was compiled with.
        training: The settings of the budget file; they override ``compiled``.
        learning_rate: The learning rate of the stage; it overrides both.

    Raises:
        JobError: If there is no loss, or if tf_keras cannot make the loss or the optimizer.
    """
    rate = learning_rate or training.learning_rate
    optimizer = _optimizer(compiled, training.optimizer, rate)
    if training.loss:
        return {"loss": _named_loss(training.loss), "optimizer": optimizer}
    if compiled is None or compiled.loss is None:
        raise JobError(
            "training needs a loss, and the model was not compiled with one",
            "compile the model, or set training.loss, such as sparse_categorical_crossentropy",
        )
    try:
        loss = _losses(compiled.loss, compiled.generation)
    except (ValueError, TypeError) as error:  # Both Kerases raise these for unknown names.
        raise JobError(
            f"tf_keras cannot make the loss that the model was compiled with: {compiled.loss}",
            "set training.loss: package.module:callable, or name the module that registers the "
            "loss under imports",
        ) from error
    return {"loss": loss, "loss_weights": compiled.loss_weights, "optimizer": optimizer}


def _named_loss(name: str) -> Any:
    if ":" in name:
        return load_callable(name)
    try:
        return tf_keras.losses.get(name)
    except ValueError as error:
        hint = "write a name that tf_keras.losses.get() accepts, or package.module:callable"
        raise JobError(f"training.loss: tf_keras has no loss {name}", hint) from error


def _optimizer(compiled: Compiled | None, name: str | None, rate: float | None) -> Any:
    if name is None and compiled is not None and isinstance(compiled.optimizer, str):
        name = compiled.optimizer  # A name has no learning rate that could be replaced.
    if name is None and compiled is not None and compiled.optimizer is not None:
        try:
            return _made(tf_keras.optimizers, compiled.optimizer, compiled.generation, rate)
        except (ValueError, TypeError) as error:  # Both Kerases raise these for unknown names.
            raise JobError(
                "tf_keras cannot make the optimizer that the model was compiled with: "
                f"{compiled.optimizer}",
                "set training.optimizer, such as adam",
            ) from error
    return _named_optimizer(name or "adam", rate)


def _named_optimizer(name: str, rate: float | None) -> Any:
    try:
        optimizer = tf_keras.optimizers.get(name)
    except ValueError as error:
        hint = "write a name that tf_keras.optimizers.get() accepts, such as adam or sgd"
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
    """Make a loss, an optimizer or a learning rate schedule of tf_keras from its serialized form.

    The built-in ones have the same names and arguments in both Kerases, except for a few arguments
    of Keras 3, which tf_keras trains well without.
    """
    if isinstance(config, str):
        config = {"class_name": "function", "config": config}
    if config["class_name"] == "function":
        return _function(namespace, config["config"], generation)
    name = config["class_name"].removeprefix("Custom>")  # tf_keras writes it to ``.h5`` files.
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

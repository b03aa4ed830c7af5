"""A stage of the user's own: ``package.module:callable``."""

import inspect
from dataclasses import replace
from pathlib import Path

import tf_keras

from pytest_modelbudget.budgetfile.stages import UserStage
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training.trainable import Trainable, begin, save
from pytest_modelbudget.workers.compress.verify.keras_promises import verify_keras_promises
from pytest_modelbudget.workers.userdata.usercode import load_callable, user_code

Inputs = dict[str, tuple[int | None, ...]]
"""The shape of each input with its batch axis, by name."""

_KEEP = "keep it there, or put the stage before {stage}"


def run(stage: UserStage, job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.keras"``: what the user's callable returns for the model.

    The callable gets the tf_keras model and the stage's parameters as keyword arguments.

    Raises:
        JobError: If the callable cannot be loaded, raises, returns anything but a tf_keras model
            with the same inputs, or loses what earlier stages made.
    """
    function = load_callable(stage.call)
    start = begin(job)
    inputs = _inputs(start.model)  # The callable may change the model itself.
    progress(f"calling {stage.call}")
    with user_code(stage.call):
        model = function(start.model, **stage.args)
    _check(stage.call, model, inputs)
    verify_keras_promises(model, job, "after this stage", _KEEP)
    save(replace(start, model=model), output)


def preflight(stage: UserStage, _job: BuildJob, start: Trainable) -> Outlook:
    """Import the callable, and check that it accepts its arguments."""
    function = load_callable(stage.call)
    try:
        inspect.signature(function).bind(start.model, **stage.args)
    except TypeError as error:
        hint = "it is called with the model and the stage's parameters"
        raise JobError(f"{stage.call} cannot be called: {error}", hint) from error
    except ValueError:
        pass  # Some callables written in C have no signature.
    return Outlook()


def _check(call: str, model: object, expected: Inputs) -> None:
    if not isinstance(model, tf_keras.Model):
        what = "None" if model is None else f"a {type(model).__module__}.{type(model).__name__}"
        raise JobError(f"{call} returned {what}, not a tf_keras model", "return the model")
    if not model.inputs:
        raise JobError(
            f"{call} returned the model {model.name}, which has no inputs",
            "return a functional or Sequential model with an Input layer",
        )
    if (found := _inputs(model)) != expected:
        raise JobError(
            f"{call} returned a model with the inputs {_shown(found)}, not {_shown(expected)}",
            "keep the names and shapes of the inputs",
        )


def _inputs(model: Model) -> Inputs:
    return {
        name: tuple(tensor.shape)
        for name, tensor in zip(model.input_names, model.inputs, strict=True)
    }


def _shown(inputs: Inputs) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in inputs.items())

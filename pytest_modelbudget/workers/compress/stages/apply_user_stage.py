"""A stage of the user's own: ``package.module:callable``."""

import inspect
from pathlib import Path
from typing import Any

import tf_keras

from pytest_modelbudget.budgetfile.stages import UserStage
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import BuildJob, Progress
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training import fine_tuning
from pytest_modelbudget.workers.compress.training.selections import walk
from pytest_modelbudget.workers.compress.verify import promises
from pytest_modelbudget.workers.compress.verify.promises import Kernel
from pytest_modelbudget.workers.userdata.usercode import load_callable, user_code


def run(job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.keras"``: what the user's callable makes of the model.

    It is called with the tf_keras model and its own keyword arguments.

    Raises:
        JobError: It cannot be loaded, raises, returns no tf_keras model with the same inputs,
            or loses what earlier stages promised.
    """
    stage = job.stage
    assert isinstance(stage, UserStage)
    function = load_callable(stage.call)
    model = fine_tuning.load(job)
    inputs = _inputs(model)
    progress(f"calling {stage.call}")
    with user_code(stage.call):
        made = function(model, **stage.args)
    _check(stage.call, made, inputs)
    _hold_promises(made, job)
    fine_tuning.carry_compiled(model, made)
    fine_tuning.save(made, output)


def preflight(job: BuildJob, model: Any) -> Outlook:
    """Import the callable, and see whether it takes its arguments."""
    stage = job.stage
    assert isinstance(stage, UserStage)
    function = load_callable(stage.call)
    try:
        inspect.signature(function).bind(model, **stage.args)
    except TypeError as error:
        hint = "it is called with the model and the stage's parameters"
        raise JobError(f"{stage.call} cannot be called: {error}", hint) from error
    except ValueError:
        pass  # it tells no signature, as some callables of C do not
    return Outlook()


def _hold_promises(made: Any, job: BuildJob) -> None:
    """Check what earlier stages promised, as far as their layers are still there."""
    layers = dict(walk(made))
    for promise in promises.read(job.parent):
        for weight in getattr(layers.get(promise.layer), "weights", ()):
            if tuple(weight.shape) == promise.shape:
                kernel = Kernel.of_keras(promise.layer, weight.numpy())
                hint = f"keep it there, or put the stage before {promise.stage}"
                promise.hold(kernel, "after this stage", hint)


def _check(call: str, made: Any, inputs: dict[str, tuple[int | None, ...]]) -> None:
    if not isinstance(made, tf_keras.Model):
        what = "None" if made is None else f"a {type(made).__module__}.{type(made).__name__}"
        raise JobError(f"{call} returned {what}, not a tf_keras model", "return the model")
    if not made.inputs:
        raise JobError(
            f"{call} returned the model {made.name}, which has no inputs",
            "return a functional or Sequential model with an Input layer",
        )
    if _inputs(made) != inputs:
        raise JobError(
            f"{call} returned a model with the inputs {_shown(_inputs(made))}, "
            f"not {_shown(inputs)}",
            "keep the names and shapes of the inputs",
        )


def _inputs(model: Any) -> dict[str, tuple[int | None, ...]]:
    return {
        name: tuple(tensor.shape)
        for name, tensor in zip(model.input_names, model.inputs, strict=True)
    }


def _shown(inputs: dict[str, tuple[int | None, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in inputs.items())

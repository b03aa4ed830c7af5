"""Moves what tf_keras has trained back to Keras 3, if the user's model was of Keras 3."""

from collections.abc import Mapping
from typing import Any

from pytest_modelbudget.budgetfile.stages import Distill
from pytest_modelbudget.budgetfile.types import Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.models.sources import is_keras_3, load_model

_SIZES = ("filters", "units")
_HINT = "end the recipe in saved_model"


def in_original_keras(model: Model, job: BuildJob) -> Model:
    """Return a model in the Keras that the user's own model is of.

    Args:
        model: What the stages before made.
        job: The job that needs it.

    Raises:
        JobError: If the user's model is of Keras 3, and the result does not fit it.
    """
    if not job.before or is_keras_3(model):
        return model
    original = load_model(_source(job), job.seed, trust_code=job.trust_code)
    if not is_keras_3(original):
        return model
    if _shapes(original) != _shapes(model):
        original = _resized(original, model)
    if _shapes(original) != _shapes(model):
        cause = "the result of the stages before does not fit the layers of the Keras 3 model"
        raise JobError(cause, _HINT)
    original.set_weights(model.get_weights())
    return original


def _source(job: BuildJob) -> Source:
    """Return the model whose layers the result has: that of the last student, or the user's."""
    students = [stage.own_sources()[0] for stage in job.before if isinstance(stage, Distill)]
    return students[-1] if students else job.model


def _shapes(model: Model) -> list[tuple[int, ...]]:
    return [tuple(each.shape) for each in model.get_weights()]


def _resized(original: Model, model: Model) -> Model:
    """Return the Keras 3 model with as many filters and units as ``model`` has in each layer."""
    config = original.get_config()
    _resize(config, {layer.name: layer.get_config() for layer in _layers(model)})
    try:
        return type(original).from_config(config)
    except Exception as error:  # Layers raise their own.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        cause = f"the smaller model cannot be made in Keras 3: {reason}"
        raise JobError(cause, _HINT) from error


def _layers(model: Model) -> list[Any]:
    nested = [layer for each in model.layers if hasattr(each, "layers") for layer in _layers(each)]
    return [*model.layers, *nested]


def _resize(part: Any, sizes: Mapping[str, Any]) -> None:
    """Change the sizes of all layers in a part of a configuration, in place."""
    if isinstance(part, list):
        for each in part:
            _resize(each, sizes)
    if not isinstance(part, dict):
        return
    name = part.get("name")
    for key in _SIZES:
        if isinstance(name, str) and key in part and key in sizes.get(name, {}):
            part[key] = sizes[name][key]
    part.pop("build_config", None)  # the shapes of the larger model
    for each in part.values():
        _resize(each, sizes)

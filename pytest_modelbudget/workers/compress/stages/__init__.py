"""The stages by their ``kind``, one module each, imported when it is needed.

``convert`` imports TensorFlow unless its model is a ``.tflite``, ``quantize`` only with
``backend: converter``, and every other stage always.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

from pytest_modelbudget.protocol.jobs import BuildJob, Progress

if TYPE_CHECKING:
    from pytest_modelbudget.workers.compress.outlook import Outlook


class StageModule(Protocol):
    """What the module of a stage offers."""

    def run(self, job: BuildJob, output: Path, progress: Progress) -> None:
        """Write what ``job.stage`` makes to the folder ``output``.

        That is ``model.tflite``, or ``model.keras`` from a stage that another follows.

        Raises:
            JobError: The model, the data or the stage's parameters do not allow it.
        """


class KerasStage(StageModule, Protocol):
    """What the module of a stage that works on the Keras model offers besides."""

    def preflight(self, job: BuildJob, model: Any) -> "Outlook":
        """Look at what ``run`` is going to do, before any stage has trained.

        Args:
            job: Without its ``parent``, which is not there yet.
            model: In its place a tf_keras model, as ``training.load`` gives it, with the layers
                and shapes of the parent's, but not the values of its weights.

        Raises:
            JobError: It is already certain that ``run`` would raise it.
        """


STAGES: Mapping[str, str] = MappingProxyType(
    {
        "prune": "apply_prune",
        "prune_channels": "apply_prune_channels",
        "distill": "apply_distill",
        "cluster": "apply_cluster",
        "quantize_aware": "apply_quantize_aware",
        "call": "apply_user_stage",
        "convert": "apply_convert",
        "quantize": "apply_quantize",
    }
)


def stage_module(kind: str) -> StageModule:
    """Import the module of the stage ``kind``, a key of ``STAGES``."""
    return cast("StageModule", import_module(f"{__name__}.{STAGES[kind]}"))


def keras_stage(kind: str) -> KerasStage:
    """As ``stage_module``, for a stage that works on the Keras model."""
    return cast("KerasStage", stage_module(kind))

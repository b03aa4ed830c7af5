"""The stages, one module each, imported when it is needed.

``convert`` imports TensorFlow unless its model is a ``.tflite``, ``quantize`` only with
``backend: converter``, and every other stage always.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from pytest_modelbudget.budgetfile.stages import (
    BuiltInStage,
    Cluster,
    Convert,
    Distill,
    KerasFile,
    Prune,
    PruneChannels,
    Quantize,
    QuantizeAware,
    SavedModel,
    UserStage,
)
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.task import Progress

if TYPE_CHECKING:
    from pytest_modelbudget.workers.compress.outlook import Outlook
    from pytest_modelbudget.workers.compress.training.trainable import Trainable

AnyStage = BuiltInStage | UserStage
OneStage = TypeVar("OneStage", bound=AnyStage, contravariant=True)


class StageModule(Protocol[OneStage]):
    """What the module of a stage offers."""

    def run(self, stage: OneStage, job: BuildJob, output: Path, progress: Progress) -> None:
        """Apply a stage.

        Args:
            stage: The parameters; the same as ``job.stage``.
            job: The step that the stage is part of.
            output: The folder to write ``model.tflite`` to, ``model.saved_model``, or
                ``model.keras`` if the stage works on the Keras model.
            progress: Called with each activity.

        Raises:
            JobError: If the model, the data or the stage's parameters do not allow it.
        """


class KerasStageModule(StageModule[OneStage], Protocol[OneStage]):
    """What the module of a stage that works on the Keras model offers in addition."""

    def preflight(self, stage: OneStage, job: BuildJob, start: "Trainable") -> "Outlook":
        """Predict the result of ``run`` before any stage has trained.

        Args:
            stage: The parameters; the same as ``job.stage``.
            job: The step without its ``parent``, which does not exist yet.
            start: What ``run`` will start from, except for the values of the weights.

        Raises:
            JobError: If ``run`` would certainly raise it.
        """


MODULES: Mapping[type[AnyStage], str] = MappingProxyType(
    {
        Prune: "apply_prune",
        PruneChannels: "apply_prune_channels",
        Distill: "apply_distill",
        Cluster: "apply_cluster",
        QuantizeAware: "apply_quantize_aware",
        UserStage: "apply_user_stage",
        Convert: "apply_convert",
        Quantize: "apply_quantize",
        SavedModel: "apply_saved_model",
        KerasFile: "apply_keras_file",
    }
)
"""The module of each stage."""


def run_stage(job: BuildJob, output: Path, progress: Progress) -> None:
    """Apply ``job.stage``; see ``StageModule.run``."""
    _module(job.stage).run(job.stage, job, output, progress)


def preflight_stage(job: BuildJob, start: "Trainable") -> "Outlook":
    """Predict the result of ``job.stage``, a stage that works on the Keras model.

    See ``KerasStageModule.preflight``.
    """
    module = cast("KerasStageModule[AnyStage]", _module(job.stage))
    return module.preflight(job.stage, job, start)


def _module(stage: AnyStage) -> StageModule[AnyStage]:
    module = import_module(f"{__name__}.{MODULES[type(stage)]}")
    return cast("StageModule[AnyStage]", module)

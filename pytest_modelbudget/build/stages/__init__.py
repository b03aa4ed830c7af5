"""The stages by their ``kind``, one module each, imported when it is needed.

``convert`` imports TensorFlow unless its model is a ``.tflite``, ``quantize`` only with
``backend: converter``, and every other stage always.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from pytest_modelbudget.jobs import BuildJob, Progress


class StageModule(Protocol):
    """What the module of a stage offers."""

    def run(self, job: BuildJob, output: Path, progress: Progress) -> None:
        """Write what ``job.stage`` makes to the folder ``output``.

        That is ``model.tflite``, or ``model.keras`` from a stage that another follows.

        Raises:
            JobError: The model, the data or the stage's parameters do not allow it.
        """


STAGES: Mapping[str, str] = MappingProxyType(
    {
        "prune": "prune",
        "prune_channels": "prune_channels",
        "distill": "distill",
        "cluster": "cluster",
        "quantize_aware": "quantize_aware",
        "call": "user",
        "convert": "convert",
        "quantize": "quantize",
    }
)


def stage_module(kind: str) -> StageModule:
    """Import the module of the stage ``kind``, a key of ``STAGES``."""
    return cast("StageModule", import_module(f"{__name__}.{STAGES[kind]}"))

"""Does one build job: runs its stage, and proves the ``.tflite`` that comes out."""

from pathlib import Path

from pytest_modelbudget.build import promises, tflite
from pytest_modelbudget.build.proof import prove
from pytest_modelbudget.build.stages import stage_module
from pytest_modelbudget.jobs import BuildJob, Progress


def build(job: BuildJob, output: Path, progress: Progress) -> None:
    """Write to ``output`` what ``job.stage`` makes of its parent or its model.

    TensorFlow is imported only by the stages that need it; see ``stages``.

    Raises:
        JobError: The model, the data or the stage's parameters do not allow it.
    """
    stage_module(job.stage.kind).run(job, output, progress)
    promises.carry(job, output)
    if (output / tflite.MODEL).exists():
        progress("checking the .tflite")
        prove(job, output)

"""Does one build job: runs its stage, and checks the ``.tflite`` that comes out."""

from pathlib import Path

from pytest_modelbudget.build import tflite
from pytest_modelbudget.build.stages import stage_module
from pytest_modelbudget.jobs import BuildJob, Progress


def build(job: BuildJob, output: Path, progress: Progress) -> None:
    """Write to ``output`` what ``job.stage`` makes of its parent or its model.

    TensorFlow is imported only by the stages that need it; see ``stages``.

    Raises:
        JobError: The model, the data or the stage's parameters do not allow it.
    """
    stage_module(job.stage.kind).run(job, output, progress)
    made = output / tflite.MODEL
    if made.exists():
        progress("checking the .tflite")
        tflite.check(made.read_bytes(), f"the result of {job.stage.kind}")

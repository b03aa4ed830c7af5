"""Does one build job: runs its stage, and proves the ``.tflite`` that comes out."""

from pathlib import Path

from pytest_modelbudget.protocol.jobs import BuildJob, Progress
from pytest_modelbudget.workers.compress.stages import stage_module
from pytest_modelbudget.workers.compress.verify import promises
from pytest_modelbudget.workers.compress.verify.proof import prove
from pytest_modelbudget.workers.tflite import tflite_file


def build(job: BuildJob, output: Path, progress: Progress) -> None:
    """Write to ``output`` what ``job.stage`` makes of its parent or its model.

    TensorFlow is imported only by the stages that need it; see ``stages``.

    Raises:
        JobError: The model, the data or the stage's parameters do not allow it.
    """
    stage_module(job.stage.kind).run(job, output, progress)
    promises.carry(job, output)
    if (output / tflite_file.MODEL).exists():
        progress("checking the .tflite")
        prove(job, output)

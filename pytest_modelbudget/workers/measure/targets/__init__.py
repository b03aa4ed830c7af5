"""The targets other than this machine, one module each, imported when it is needed."""

from importlib import import_module
from typing import Protocol, cast

from pytest_modelbudget.budgetfile.targets import target_kind
from pytest_modelbudget.budgetfile.types import CommandTarget
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.protocol.measurement_jobs import TargetJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.measure.targets import command
from pytest_modelbudget.workers.tflite.interpreter import Interpreter


class TargetModule(Protocol):
    """The interface of the modules that measure on a target with a name."""

    def measure(self, target: str, job: TargetJob, progress: Progress, /) -> Figures:
        """Measure one inference of ``job.model`` on ``target``.

        The model is stored with ``job.batch_size``, so it need not be resized.

        Raises:
            JobError: If the target cannot be reached, cannot run the whole model, or does not
                return valid figures. Figures for a part of the model are not allowed.
        """


def measure(job: TargetJob, progress: Progress) -> Figures:
    """Measure one inference on ``job.target``.

    Raises:
        JobError: If the measurement fails, or the model is not stored with ``job.batch_size``.
    """
    stored = max(
        abs(tensor.shape[0]) for tensor in Interpreter(job.model, threads=1).inputs.values()
    )  # an unknown batch size is -1, and is stored as 1
    if stored != job.batch_size:
        raise JobError(
            f"{job.target} runs the model with its stored batch size of {stored}, "
            f"but latency.batch_size is {job.batch_size}",
            f"write latency: {{batch_size: {stored}}}, or convert the model with a fixed "
            f"batch size of {job.batch_size}",
        )
    if isinstance(job.target, CommandTarget):
        return command.measure(job.target, job, progress)
    module = import_module(f"{__name__}.{target_kind(job.target).module}")
    return cast("TargetModule", module).measure(job.target, job, progress)

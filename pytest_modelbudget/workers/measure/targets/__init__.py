"""The targets other than this machine, one module each, imported when it is needed."""

from importlib import import_module
from typing import Protocol, cast

from pytest_modelbudget.budgetfile.targets import target_kind
from pytest_modelbudget.budgetfile.types import CommandTarget
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results import Figures
from pytest_modelbudget.protocol.jobs import Progress, TargetJob
from pytest_modelbudget.workers.tflite.interpreter import Interpreter


class Target(Protocol):
    """What the module of a target offers."""

    def measure(self, job: TargetJob, progress: Progress) -> Figures:
        """Take the figures of one inference of ``job.model`` on ``job.target``.

        The model takes batches of ``job.batch_size`` as it is stored: nothing need be resized.

        Raises:
            JobError: The target cannot be reached, cannot run the whole model, or what it says
                is no figure. There is no figure for a part of a model.
        """


def measure(job: TargetJob, progress: Progress) -> Figures:
    """Take the figures of one inference on ``job.target``.

    Raises:
        JobError: They could not be taken, or the model is not stored with ``job.batch_size``.
    """
    stored = max(
        abs(tensor.shape[0]) for tensor in Interpreter(job.model, threads=1).inputs.values()
    )  # an open batch is -1, and 1 as it is stored
    if stored != job.batch_size:
        raise JobError(
            f"{job.target} runs the model as it is stored, on batches of {stored}, "
            f"not {job.batch_size}",
            f"write latency: {{batch_size: {stored}}}, or fix the batch size in the model",
        )
    return _module(job.target).measure(job, progress)


def _module(target: str | CommandTarget) -> Target:
    return cast("Target", import_module(f"{__name__}.{target_kind(target).module}"))

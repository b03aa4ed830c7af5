"""What runs a model for a measurement: LiteRT a ``.tflite``, TensorFlow everything else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self

from pytest_modelbudget.protocol.score_jobs import Served
from pytest_modelbudget.workers.tflite.interpreter import Interpreter
from pytest_modelbudget.workers.tflite.tensors import TensorDetails
from pytest_modelbudget.workers.userdata.datasets import Array


class Runner(Protocol):
    """One model that is ready to run; ``Interpreter`` describes each member.

    Attributes:
        invoke_s: The seconds that invocations took so far.
        has_own_threads: Whether an invocation uses threads beside the one that calls it.
    """

    inputs: dict[str, TensorDetails]
    invoke_s: float
    has_own_threads: bool

    @property
    def keeps_state(self) -> bool:
        """Whether each invocation continues from the state of the one before."""

    @property
    def delegate(self) -> str:
        """What computes, such as ``XNNPACK``."""

    def allocate(self, batch: int) -> None:
        """Prepare invocations of ``batch`` samples."""

    def fill(self, stored: Mapping[str, Array]) -> None:
        """Set the inputs of the next invocation, by name."""

    def invoke(self) -> None:
        """Run once on the inputs that ``fill`` set."""

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Run any number of samples, and return each output by name."""

    def twin(self) -> Self:
        """Return another runner of the same model."""


def open_runner(path: Path, served: Served | None, threads: int) -> Runner:
    """Load a model.

    Args:
        path: A ``.tflite``, a ``.keras`` file, or a SavedModel folder.
        served: How TensorFlow runs it; None if it is a ``.tflite``.
        threads: How many threads one invocation of LiteRT may use.

    Raises:
        JobError: If it cannot be loaded.
    """
    if path.suffix == ".tflite" or served is None:
        return Interpreter(path, threads)
    # Not at the top, because a ``.tflite`` does not need TensorFlow.
    from pytest_modelbudget.workers.served.tensorflow_runner import open_served

    return open_served(path, served)

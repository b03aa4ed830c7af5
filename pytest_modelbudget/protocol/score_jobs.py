"""The jobs that run a model on the user's data."""

from pathlib import Path

from pytest_modelbudget.budgetfile.types import CallSource, Metric, Source
from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.protocol.project import Project


class ReadJob(Frozen):
    """One pass over a data set of the user's code: answered by ``SamplesRead``."""

    read: CallSource
    project: Project


class DescribeJob(Frozen):
    """A model and the labels of its samples: answered by a ``ModelDescription``.

    Attributes:
        signature: Which one of a ``.tflite`` or SavedModel; empty where it has only one.
    """

    described: Source
    signature: str
    samples: Source | None
    trust_code: bool
    project: Project


class Served(Frozen):
    """How TensorFlow runs an artifact that is not a ``.tflite``.

    Attributes:
        signature: Of a SavedModel.
        trust_code: Whether Python code in a ``.keras`` file may run.
        project: Where its custom layers are found.
    """

    signature: str
    trust_code: bool
    project: Project


class EvaluateJob(Frozen):
    """The score of one model on one data set; ``served`` is None for a ``.tflite``."""

    model: Path
    data: Source
    metric: Metric
    project: Project
    served: Served | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """The data."""
        return (self.data,)


class CompareJob(Frozen):
    """The confidence intervals of a score and of its drop, from what evaluations kept.

    Attributes:
        scored: The folder in the store where an ``EvaluateJob`` left its score and columns.
        baseline: Likewise, or a score that was measured elsewhere; None if no drop is needed.
        confidence: Of the intervals, such as 0.95.
    """

    scored: Path
    baseline: Path | float | None
    metric: Metric
    confidence: float
    project: Project

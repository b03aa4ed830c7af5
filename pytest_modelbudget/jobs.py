"""What crosses the border to a worker process, and what comes back.

Each type is written as JSON: the job file is also what repeats a failure by hand.
"""

from pathlib import Path
from typing import Literal, Protocol

from pydantic import ConfigDict

from pytest_modelbudget.budgetfile.stages import Stage
from pytest_modelbudget.budgetfile.types import Data, Metric, Source, Training
from pytest_modelbudget.frozen import Frozen, Sequence


class Project(Frozen):
    """Where the user's modules are found, and what to import before anything else."""

    rootdir: Path
    sys_path: Sequence[str]
    imports: Sequence[str] = ()


class BuildJob(Frozen):
    """One step of a recipe: ``stage`` applied to ``parent``, or to ``model`` if there is none.

    ``before`` are the stages of the same recipe that came earlier.
    """

    stage: Stage
    before: Sequence[Stage] = ()
    parent: Path | None
    model: Source
    data: Data
    training: Training
    seed: int
    project: Project


class EvaluateJob(Frozen):
    """The score of one ``.tflite`` on one data set."""

    model: Path
    data: Source
    metric: Metric
    project: Project


class Score(Frozen):
    """``value`` of the metric over ``samples``; ``seconds`` spent, ``invoke_s`` in the model."""

    value: float
    samples: int
    seconds: float
    invoke_s: float


class InspectJob(Frozen):
    """The structure of one ``.tflite``, read from its flatbuffer: answered by a ``Structure``."""

    inspected: Path


Figure = Literal["p50", "p90", "p99", "ratio"]


class LatencyBound(Frozen):
    """What is asked about a figure: seconds, or a ratio, that it may reach."""

    figure: Figure
    bound: float


class LatencyJob(Frozen):
    """Single invocations of one ``.tflite`` on this machine, until its bounds are settled.

    ``baseline`` is what a ratio is taken against; without one, no bound is of a ratio.
    """

    model: Path
    threads: int
    batch_size: int
    bounds: Sequence[LatencyBound]
    baseline: Path | None = None


class LatencyEstimate(Frozen):
    """A figure and its confidence interval, in seconds or as a ratio; ``high`` may be infinite."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    value: float
    low: float
    high: float


class Measured(Frozen):
    """One figure of a sample."""

    figure: Figure
    estimate: LatencyEstimate


class LatencySample(Frozen):
    """What was found about every bound of a ``LatencyJob``, and how; of a ratio, for its model.

    Attributes:
        counted: Invocations that the figures are from, of those ``taken``.
        interrupted: Invocations in blocks that lost the CPU.
        slow_windows: Left out, because the machine was slow, of all ``windows``.
        warmup: Invocations before any window.
        seconds: From the first window to the last.
        confidence: Of the intervals, whenever sampling stopped.
        cpu: The CPU's name, and its frequency ``governor`` where the kernel tells.
    """

    measured: Sequence[Measured]
    counted: int
    taken: int
    interrupted: int
    windows: int
    slow_windows: int
    warmup: int
    seconds: float
    confidence: float
    threads: int
    delegate: str
    cpu: str
    governor: str

    def estimate(self, figure: Figure) -> LatencyEstimate:
        """Return what was found about ``figure``, one that the job asked for."""
        return next(each.estimate for each in self.measured if each.figure == figure)


class Progress(Protocol):
    """Told by a worker what it is doing, such as ``epoch 2/5``."""

    def __call__(self, activity: str) -> None:
        """Pass ``activity`` on to whoever waits."""


Happening = Literal["ready", "waiting", "started", "progress", "failed", "exited"]


class Task(Frozen):
    """One job as a worker process gets it, from the file ``task.json`` in a folder of its own.

    Attributes:
        key: Where in the store its result goes; empty if it is not kept.
        store: The cache directory.
        timeout_s: How long it may take once it has started.
        made_after_s: A stored result older than this (seconds since the epoch) does not count.
        job: What to do.
    """

    key: str
    store: Path
    timeout_s: float
    made_after_s: float
    job: BuildJob | EvaluateJob | InspectJob | LatencyJob


class Built(Frozen):
    """How an artifact came to be: its file and sizes, and the seconds that its last stage took."""

    file: str
    size_bytes: int
    gzip_bytes: int
    seconds: float


class Failure(Frozen):
    """Why a task failed, as ``JobError`` said it, or an exception that nobody expected."""

    cause: str
    hint: str
    expected: bool


class Event(Frozen):
    """What a worker process says: its task's folder, what happened, and with what."""

    task: str
    happened: Happening
    activity: str = ""
    failure: Failure | None = None
    exitcode: int | None = None


class WeightTensor(Frozen):
    """A constant that an operator multiplies by; ``unique`` per channel where scales are."""

    name: str
    shape: Sequence[int]
    dtype: str
    sparsity: float
    unique: int


class Structure(Frozen):
    """What the flatbuffer of a ``.tflite`` says about it.

    Attributes:
        sparsity: The share of zeros among all weights.
        unique_weights: The most different values that a weight tensor has.
        macs: Multiply-accumulates of one inference on one sample; None where the graph does
            not tell: it has loops or branches, or operators that LiteRT does not have.
        operators: The names of all kinds of operators.
        float_operators: Those with a float input or output.
        weights: The weight tensors, one by one.
    """

    sparsity: float
    unique_weights: int
    macs: int | None
    operators: Sequence[str]
    float_operators: Sequence[str]
    weights: Sequence[WeightTensor]

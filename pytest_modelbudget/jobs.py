"""What crosses the border to a worker process, and what comes back.

Each type is written as JSON: the job file is also what repeats a failure by hand.
"""

from pathlib import Path
from typing import Literal, Protocol

from pytest_modelbudget.budgetfile.stages import Stage
from pytest_modelbudget.budgetfile.types import Data, Metric, Source, Training
from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.selection import Selection


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


class PreflightJob(Frozen):
    """A look at the steps that a chain trains, the first first; none has its ``parent`` yet."""

    steps: Sequence[BuildJob]

    @property
    def project(self) -> Project:
        """Where the user's modules are found."""
        return self.steps[0].project


class Preflight(Frozen):
    """The layers that each step takes and leaves, or None if it does not choose.

    It ends with the last step that could be looked at.
    """

    selections: Sequence[Selection | None]


class EvaluateJob(Frozen):
    """The score of one ``.tflite`` on one data set."""

    model: Path
    data: Source
    metric: Metric
    project: Project


class Score(Frozen):
    """The metric of one model on one data set.

    Attributes:
        value: The metric over all ``samples``.
        seconds: Spent on the wall; ``invoke_s`` of it in the model, summed over ``threads``.
        data: A digest of the samples in their order: only equal ones can be paired.
    """

    value: float
    samples: int
    seconds: float
    invoke_s: float
    threads: int
    data: str


class CompareJob(Frozen):
    """How certain a score is, and its drop against a baseline, from what evaluations kept.

    Attributes:
        scored: The folder in the store where an ``EvaluateJob`` left its score and outcomes.
        baseline: Likewise, or a number that was measured elsewhere, or None: no drop is asked for.
        confidence: Of the intervals, such as 0.95.
    """

    scored: Path
    baseline: Path | float | None
    metric: Metric
    confidence: float
    project: Project


class Interval(Frozen):
    """A confidence interval; both ends belong to it."""

    low: float
    high: float


class ClassAccuracy(Frozen):
    """The accuracy on the ``samples`` of one class, also of a baseline that was evaluated."""

    label: int
    samples: int
    accuracy: float
    baseline: float | None


class Flips(Frozen):
    """Samples that one model has right and the other wrong: counts, and the first 100 of each.

    ``p_value`` is of McNemar's exact test, in its mid-p variant, that both are equally many.
    """

    lost: int
    gained: int
    lost_samples: Sequence[int]
    gained_samples: Sequence[int]
    p_value: float


class Comparison(Frozen):
    """What a test set can say about a score and its drop; ``docs/accuracy.md`` has the formulas.

    Attributes:
        score: Of the metric itself. None, as ``drop``, where ``why`` says why.
        drop: Of the change for the worse; also None if there is nothing to compare with.
        method: How the intervals were made.
        flips: None unless samples are right or wrong, and paired.
        classes: Empty unless samples are right or wrong.
    """

    confidence: float
    score: Interval | None = None
    drop: Interval | None = None
    method: str = ""
    why: str = ""
    flips: Flips | None = None
    classes: Sequence[ClassAccuracy] = ()


class InspectJob(Frozen):
    """The structure of one ``.tflite``, read from its flatbuffer: answered by a ``Structure``."""

    inspected: Path


class LatencyJob(Frozen):
    """Single invocations of one ``.tflite`` on this machine."""

    model: Path
    threads: int
    batch_size: int


class LatencySample(Frozen):
    """Quantiles in seconds over ``invocations``, after ``warmup`` more that do not count."""

    p50_s: float
    p90_s: float
    p99_s: float
    invocations: int
    warmup: int
    delegate: str


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
    job: BuildJob | PreflightJob | EvaluateJob | CompareJob | InspectJob | LatencyJob


class Built(Frozen):
    """How an artifact came to be: its file and sizes, and the seconds that its last stage took.

    ``selections`` are the layers that its stages took and left, each with the stage's ``kind``.
    """

    file: str
    size_bytes: int
    gzip_bytes: int
    seconds: float
    selections: Sequence[tuple[str, Selection]] = ()


class Failure(Frozen):
    """Why a task failed, as ``JobError`` said it, or an exception that nobody expected."""

    cause: str
    hint: str
    expected: bool
    stage: int = 0


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

"""What crosses the border to a worker process, and what comes back.

Each type is written as JSON: the job file is also what repeats a failure by hand.
"""

from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import ConfigDict, Field

from pytest_modelbudget.budgetfile.stages import Stage
from pytest_modelbudget.budgetfile.types import CommandTarget, Data, Metric, Source, Training
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


class Adb(Frozen):
    """How a device is reached: the program ``adb``, a serial, and ``benchmark_model`` for it.

    Without a ``serial`` it is the only device; ``benchmark_model`` is a path on this machine.
    """

    program: str = "adb"
    serial: str = ""
    benchmark_model: Path | None = None


class TargetJob(Frozen):
    """One inference of one ``.tflite`` on a target other than this machine."""

    model: Path
    target: str | CommandTarget
    threads: int
    batch_size: int
    timeout_s: float
    adb: Adb
    project: Project

    @property
    def is_estimate(self) -> bool:
        """Whether it is computed, so that other work on this machine does not disturb it."""
        return isinstance(self.target, str) and self.target.startswith("ethos-u")


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0)]


class Answer(Frozen):
    """What a target says of one inference.

    Attributes:
        latency_s: The median in seconds, or the only figure that there is.
        p90_s: The 90th percentile in seconds, if the target takes it; and so on.
        memory_bytes: Of RAM, while it runs.
        size_bytes: Of what is stored on the target in place of the ``.tflite``.
    """

    latency_s: Seconds
    p90_s: Seconds | None = None
    p99_s: Seconds | None = None
    memory_bytes: Bytes | None = None
    size_bytes: Bytes | None = None


class Figures(Answer):
    """A target's answer, and ``how`` it came to be: by what tool, on what."""

    how: str


class MemoryJob(Frozen):
    """The memory of one ``.tflite`` in LiteRT on this machine: answered by an ``Arena``."""

    model: Path
    batch_size: int


class Arena(Frozen):
    """What one inference needs beside the weights.

    Attributes:
        planned_bytes: Of the arena that LiteRT plans for activations and scratch.
        beside_bytes: Of variables, and of what kernels keep outside of that arena.
        live_bytes: The most that the graph's own activations take at once.
    """

    planned_bytes: int
    beside_bytes: int
    live_bytes: int


class Progress(Protocol):
    """Told by a worker what it is doing, such as ``epoch 2/5``."""

    def __call__(self, activity: str) -> None:
        """Pass ``activity`` on to whoever waits."""


StoredJob = BuildJob | PreflightJob | EvaluateJob | CompareJob | InspectJob | MemoryJob
"""Those whose result goes into the store."""
Job = StoredJob | LatencyJob | TargetJob


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
    job: Job


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

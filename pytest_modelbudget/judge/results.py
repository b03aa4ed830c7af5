"""What comes back from a worker process, written as JSON: what was measured, and how."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pytest_modelbudget.frozen import Frozen, Sequence


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


Figure = Literal["p50", "p90", "p99", "ratio"]


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

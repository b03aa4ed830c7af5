"""The results of worker processes, exchanged as JSON."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.units.format import format_bytes

_MAX_NAMES = 3
_QUANTIZERS = {"litert": "the LiteRT quantizer", "converter": "TensorFlow's converter"}

Form = Literal["the .tflite", "the SavedModel", "the .keras file"]
"""What a recipe can end in."""

SUFFIXES: Mapping[Form, str] = MappingProxyType(
    {"the .tflite": ".tflite", "the SavedModel": ".saved_model", "the .keras file": ".keras"}
)
"""How the name of each ends; a SavedModel is a folder."""

SAVED_MODEL_GRAPH = "saved_model.pb"
"""The file by which a folder is known as a SavedModel."""


class ModelScore(Frozen):
    """The metric of one model on one data set.

    Attributes:
        value: The metric over all ``samples``.
        seconds: Wall time of the evaluation.
        invoke_s: Time in the model, summed over ``threads``.
        data: Digest of the samples in their order. Only scores with the same digest can be paired.
        sample_set: Digest of the samples in any order; empty if it is not known.
    """

    value: float
    samples: int
    seconds: float
    invoke_s: float
    threads: int
    data: str
    sample_set: str = ""


class SamplesRead(Frozen):
    """What one pass over a data set returned: its ``sample_set`` is that of ``ModelScore``."""

    sample_set: str


class LabelFacts(Frozen):
    """What the first labels of a data set look like.

    Attributes:
        shape: Of the labels of one sample.
        whole: Whether all values are whole numbers.
        low: The smallest value.
        high: The largest value.
        one_hot: Whether each row has one 1, and 0 elsewhere.
    """

    shape: Sequence[int]
    whole: bool
    low: float
    high: float
    one_hot: bool


class ModelDescription(Frozen):
    """What a metric is guessed from.

    Attributes:
        loss: The name of the loss that the model was compiled with; empty if it was not.
        from_logits: Whether that loss takes logits.
        outputs: The shape of each output for one sample, by its name; -1 is any size.
        labels: None without samples or without labels, or if there are several.
    """

    loss: str
    from_logits: bool
    outputs: dict[str, Sequence[int]]
    labels: LabelFacts | None


class Interval(Frozen):
    """A closed confidence interval."""

    low: float
    high: float


class ClassAccuracy(Frozen):
    """The accuracy on the samples of one class; ``baseline`` is None if it was not evaluated."""

    label: int
    samples: int
    accuracy: float
    baseline: float | None


class Flips(Frozen):
    """Samples that one model has right and the other wrong.

    Attributes:
        lost: Number of samples that only the baseline has right.
        gained: Number of samples that only the model has right.
        lost_samples: The first 100 of the lost samples, counted from 0.
        gained_samples: The first 100 of the gained samples.
        p_value: Of McNemar's exact test (mid-p variant) that both numbers are equal on average.
    """

    lost: int
    gained: int
    lost_samples: Sequence[int]
    gained_samples: Sequence[int]
    p_value: float


class Comparison(Frozen):
    """Confidence intervals of a score and of its drop; ``docs/accuracy.md`` has the formulas.

    Attributes:
        score: The interval of the metric; None if there is no interval.
        drop: The interval of the change for the worse; None also without a baseline.
        method: The name of the method, such as ``Wilson``.
        why: The reason why there is no interval.
        flips: None if the metric is not about right and wrong samples, or nothing was paired.
        classes: Empty if the metric is not about right and wrong samples.
    """

    confidence: float
    score: Interval | None = None
    drop: Interval | None = None
    method: str = ""
    why: str = ""
    flips: Flips | None = None
    classes: Sequence[ClassAccuracy] = ()


LatencyStatistic = Literal["p50", "p90", "p99", "ratio"]


class LatencyEstimate(Frozen):
    """A latency in seconds, or a ratio, with its confidence interval; ``high`` may be infinite."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    value: float
    low: float
    high: float


class LatencySample(Frozen):
    """The result of a ``LatencyJob``; for a ratio, the counts are those of its model.

    Attributes:
        estimates: One estimate for each bound of the job.
        invocations: Number of timed invocations.
        counted: Number of invocations that the estimates are computed from.
        percentiles_s: Of these invocations, from the 0th to the 100th, in seconds; empty if there
            are none.
        preempted: Number of invocations in blocks during which the thread was preempted.
        windows: Number of windows.
        slow_windows: Number of windows that are not counted, because the machine was slow.
        warmup: Number of invocations before the first window.
        seconds: Time from the first window to the last.
        confidence: Of the intervals, whenever sampling stopped.
        threads: Number of threads of one invocation.
        delegate: ``XNNPACK``, or ``built-in kernels``.
        cpu: The name of the CPU.
        governor: The frequency governor of the CPU, or ``unknown``.
    """

    estimates: dict[LatencyStatistic, LatencyEstimate]
    invocations: int
    counted: int
    percentiles_s: Sequence[float]
    preempted: int
    windows: int
    slow_windows: int
    warmup: int
    seconds: float
    confidence: float
    threads: int
    delegate: str
    cpu: str
    governor: str


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


Bytes = Annotated[int, Field(ge=0)]


class Answer(Frozen):
    """What a target reports about one inference.

    Attributes:
        latency_s: The median in seconds, or the only latency that the target knows.
        p90_s: The 90th percentile in seconds, if the target measures it.
        p99_s: The 99th percentile in seconds, if the target measures it.
        memory_bytes: RAM that the inference needs.
        size_bytes: Size of what is stored on the target instead of the ``.tflite``.
    """

    latency_s: Seconds
    p90_s: Seconds | None = None
    p99_s: Seconds | None = None
    memory_bytes: Bytes | None = None
    size_bytes: Bytes | None = None


class Figures(Answer):
    """A target's answer, and ``how`` it was taken: by which tool, on which device."""

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


class FunctionCost(Frozen):
    """The instructions that one function, or one kind of operator, took of an invocation."""

    name: str
    instructions: int


class Instructions(Frozen):
    """The instructions of one invocation in LiteRT with XNNPACK and one thread, under Valgrind.

    Attributes:
        count: What one invocation takes, and what depends on the model alone.
        uncounted: Of that invocation, what the allocator of memory takes.
        functions: Each function that ran, without those that it called, the largest first.
        outside_xnnpack: The operators that XNNPACK did not run, with all that they called, the
            allocator of memory included.
        valgrind: Its version, such as ``valgrind-3.19.0``.
        cpu: The CPU that Valgrind shows to LiteRT, such as ``AVX2, FMA, no AVX-512``.
    """

    count: int
    uncounted: int
    functions: Sequence[FunctionCost]
    outside_xnnpack: Sequence[FunctionCost]
    valgrind: str
    cpu: str


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


class Part(Frozen):
    """A part of an artifact that is a SavedModel or a ``.keras`` file: what it is, its bytes."""

    name: str
    size_bytes: int


class FloatWeights(Frozen):
    """The weights of one layer that quantization left in float.

    Attributes:
        layer: Its name, or that of the operator if the layer is not known.
        dtype: ``float32`` or ``float16``.
        size_bytes: In the file.
    """

    layer: str
    dtype: str
    size_bytes: int


class Quantization(Frozen):
    """Who quantized a ``.tflite``, and what is still float in it.

    Attributes:
        backend: Who quantized it.
        left_float: What is float in the finished file: one entry for each layer, the largest first.
        rejected: Why the other backend's file was not taken, or cannot be made; empty if it was
            not tried.
    """

    backend: Literal["litert", "converter"]
    left_float: Sequence[FloatWeights]
    rejected: str = ""

    @property
    def float_bytes(self) -> int:
        """The bytes of all weights that are still float."""
        return sum(weights.size_bytes for weights in self.left_float)

    @property
    def quantizer(self) -> str:
        """Who quantized it, in words."""
        return _QUANTIZERS[self.backend]

    def summary(self) -> str:
        """Return in one line who quantized, and which weights are still float."""
        floats = self.shown_floats() if self.left_float else ""
        return "; ".join(filter(None, [f"quantized by {self.quantizer}", floats, self.rejected]))

    def shown_floats(self) -> str:
        """Return which weights are still float, with their bytes, the largest first."""
        dtypes = " and ".join(dict.fromkeys(weights.dtype for weights in self.left_float))
        shown = [f"{each.layer} {format_bytes(each.size_bytes)}" for each in self.left_float]
        more = [f"and {len(shown) - _MAX_NAMES} more"] if len(shown) > _MAX_NAMES else []
        names = ", ".join([*shown[:_MAX_NAMES], *more])
        return f"{format_bytes(self.float_bytes)} of weights stay {dtypes}: {names}"

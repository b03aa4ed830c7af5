"""Scores of models, and what compares them."""

from pytest_modelbudget.frozen import Frozen, Sequence


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

    @property
    def samples_digest(self) -> str:
        """The digest by which the ledger names the samples: in any order, if that is known."""
        return self.sample_set or self.data


class SamplesRead(Frozen):
    """What one pass over a data set returned: its ``sample_set`` is that of ``ModelScore``."""

    sample_set: str


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
    """Samples that one model gets right and the other wrong.

    Attributes:
        lost: Number of samples that only the baseline gets right.
        gained: Number of samples that only the model gets right.
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

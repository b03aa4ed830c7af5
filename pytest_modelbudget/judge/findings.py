"""What was found out about a variant, and what a limit is held against."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.judge.results import (
    Arena,
    Comparison,
    Figures,
    LatencySample,
    Score,
    Structure,
)

Need = Literal["artifact", "score", "baseline", "latency", "ratio", "structure", "figures", "arena"]
T = TypeVar("T")


class UnmeasuredError(ModelBudgetError):
    """A limit that could not be judged, and why. Never a pass."""


@dataclass(frozen=True)
class Artifact:
    """A ``.tflite`` in the store, and how it came to be.

    ``seconds`` is what its last stage took when it was built; ``cached`` says that this
    was not in this session. ``layers_left`` has a line for each stage that left layers as
    they were.
    """

    path: Path
    sha256: str
    size_bytes: int
    gzip_bytes: int
    seconds: float
    cached: bool
    layers_left: str = ""


@dataclass(frozen=True)
class Findings:
    """All that was found out about one variant, as far as the limit needs it.

    ``confident``: an interval must lie inside its limit, not only the value.
    """

    artifact: Artifact
    metric: str
    higher_is_better: bool
    score: Score | None = None
    baseline: float | None = None
    comparison: Comparison | None = None
    confident: bool = False
    latency: LatencySample | None = None
    structure: Structure | None = None
    figures: Figures | None = None
    arena: Arena | None = None


@dataclass(frozen=True)
class Measurement:
    """The value that a limit is held against, in the limit's unit, and how it was taken.

    ``resolvable`` is the smallest value that the test data can tell from none; 0.0 is any.
    ``interval`` must lie on one side of the limit, else ``disturbed`` says what was in the way.
    """

    value: float
    how: str
    baseline: str = ""
    resolvable: float = 0.0
    interval: tuple[float, float | None] | None = None
    disturbed: str = ""


@dataclass(frozen=True)
class Gauge:
    """What must be there to judge a limit, and how to read it."""

    needs: frozenset[Need]
    read: Callable[[Findings], Measurement]


def present(value: T | None) -> T:
    """Return ``value``, which the gauge has asked for."""
    assert value is not None, "the pipeline finds what the gauge needs"
    return value

"""The jobs that measure an artifact without the user's data."""

from pathlib import Path

from pytest_modelbudget.budgetfile.targets import target_kind
from pytest_modelbudget.budgetfile.types import CommandTarget, Source
from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.judge.results.latencies import LatencyStatistic
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.score_jobs import Served


class InspectJob(Frozen):
    """The structure of one ``.tflite``, read from its flatbuffer: answered by a ``Structure``.

    Attributes:
        inspected: The file.
        clustered: The layers that a stage has clustered.
        per_channel: Whether it clustered each output channel of a convolution.
    """

    inspected: Path
    clustered: Sequence[str] = ()
    per_channel: bool = False


class ContentsJob(Frozen):
    """Where the bytes of one artifact are: answered by ``Contents``.

    It is not part of ``InspectJob``: it deflates the file, and what a stage has clustered does not
    change it.

    Attributes:
        divided: The file, or the folder of a SavedModel.
    """

    divided: Path


class LatencyBound(Frozen):
    """The highest value that a limit allows for a statistic, in seconds or as a ratio.

    Infinity where nothing is judged.
    """

    statistic: LatencyStatistic
    bound: float


class LatencyJob(Frozen):
    """Single invocations of one model on this machine, until every bound is decided.

    Attributes:
        baseline: The model that a ratio compares with; None if no bound is of a ratio.
        served: How TensorFlow runs those of both that are not a ``.tflite``, if any.
        samples: What a model that takes text gets; other models get random numbers.
    """

    model: Path
    threads: int
    batch_size: int
    bounds: Sequence[LatencyBound]
    baseline: Path | None = None
    served: Served | None = None
    samples: Source | None = None

    @property
    def project(self) -> Project | None:
        """Where the user's modules are found, if TensorFlow runs a model."""
        return self.served.project if self.served else None


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
        """Whether its figures are computed, so that other work does not disturb them."""
        return target_kind(self.target).is_estimate


class MemoryJob(Frozen):
    """The memory of one ``.tflite`` in LiteRT on this machine: answered by an ``Arena``."""

    model: Path
    batch_size: int


class InstructionsJob(Frozen):
    """The instructions of one inference of one ``.tflite``: answered by ``Instructions``.

    Attributes:
        counted: The file.
        batch_size: How many samples one invocation takes.
        valgrind: The program Valgrind.
        version: The version that Valgrind reports.
        timeout_s: How long Valgrind may run.
    """

    counted: Path
    batch_size: int
    valgrind: Path
    version: str
    timeout_s: float

"""What a worker process is given, and what it reports while it runs.

Its results are in ``judge/results.py``.

Each type is written as JSON. The job file also repeats a failure by hand.
"""

import os
from pathlib import Path
from typing import Literal, Protocol

from pydantic import ConfigDict, Field

from pytest_modelbudget.budgetfile.stages import Stage
from pytest_modelbudget.budgetfile.targets import target_kind
from pytest_modelbudget.budgetfile.types import (
    CallSource,
    CommandTarget,
    Data,
    FileSource,
    Metric,
    Source,
    Training,
)
from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.judge.results import LatencyStatistic, Part, Quantization
from pytest_modelbudget.protocol.layer_choice import LayerChoice

TASK, RESULT, LOG = "task.json", "result.json", "log.txt"
"""The files that a worker process reads and writes: its task, its result, its output."""

KERAS_LAYERS = "keras_layers.json"
"""The file beside a ``.tflite`` with the layers of the Keras model it was converted from."""


class DeclaredFiles(Frozen):
    """The files that ``depends_on`` names.

    Attributes:
        entries: As they are written.
        folder: Of the budget file, where relative entries begin.
        state: A digest of the names and stamps of the files, when the session planned its work.
    """

    entries: Sequence[str]
    folder: Path
    state: str


class Project(Frozen):
    """Where the user's modules are found, and what to import before anything else.

    ``depends_on`` are further files that its results depend on, if the budget names any.
    ``why_rootdir`` is a sentence for the error of a module that is not found. ``working_folder``
    is where pytest was started, and where relative paths in the user's code begin.
    """

    rootdir: Path
    working_folder: Path = Field(default_factory=Path.cwd)
    why_rootdir: str = ""
    sys_path: Sequence[str]
    imports: Sequence[str] = ()
    depends_on: DeclaredFiles | None = None

    @property
    def search_path(self) -> tuple[str, ...]:
        """The folders in which its modules are looked for, before those of Python."""
        return tuple(dict.fromkeys([*self.sys_path, str(self.rootdir)]))

    def portable(self, path: str | Path) -> str:
        """Return ``path`` relative to rootdir if it lies below it, else absolute."""
        whole = Path(os.path.abspath(path))
        below = whole.is_relative_to(self.rootdir)
        return str(whole.relative_to(self.rootdir) if below else whole)


class BuildJob(Frozen):
    """One step of a recipe: ``stage`` applied to ``parent``, or to ``model`` if there is none.

    ``before`` are the stages of the same recipe that came earlier. ``signature`` names one of a
    ``.tflite`` or SavedModel that has several. ``trust_code`` tells whether Python code in model
    files may run.
    """

    stage: Stage
    before: Sequence[Stage] = ()
    parent: Path | None
    model: Source
    data: Data
    training: Training
    signature: str = ""
    seed: int
    trust_code: bool = False
    project: Project

    @property
    def sources(self) -> tuple[Source | None, ...]:
        """The model, the data (None for data that are not read), and what the stage names."""
        own = self.stage.own_sources()
        return self.model, self.data.train, self.data.calibration, *own


class PreflightJob(Frozen):
    """A preflight check of the steps that a chain trains, in order.

    Attributes:
        steps: What is checked. Only the first may have a ``parent``, which exists already.
        endings: The step that makes the artifact of the result, or several of which one has to
            work; none if the result is only converted.
    """

    steps: Sequence[BuildJob]
    endings: Sequence[BuildJob] = ()

    @property
    def project(self) -> Project:
        """Where the user's modules are found."""
        return self.steps[0].project

    @property
    def sources(self) -> tuple[Source | None, ...]:
        """The models and the data of all steps."""
        jobs = (*self.steps, *self.endings)
        return tuple(source for job in jobs for source in job.sources)


class Preflight(Frozen):
    """The layers that each step chooses, or None for a step that does not choose layers.

    The last one is that of the last step that could be checked.
    """

    layer_choices: Sequence[LayerChoice | None]


class ReadJob(Frozen):
    """One pass over a data set of the user's code: answered by ``SamplesRead``."""

    read: CallSource
    project: Project


class DescribeJob(Frozen):
    """A model and the labels of its samples: answered by a ``ModelDescription``."""

    described: Source
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
        valgrind: The program.
        version: That it reports.
        timeout_s: How long it may run.
    """

    counted: Path
    batch_size: int
    valgrind: Path
    version: str
    timeout_s: float


class Progress(Protocol):
    """A function that a worker process calls with its activity, such as ``epoch 2/5``."""

    def __call__(self, activity: str) -> None:
        """Report ``activity`` to the parent process."""


StoredJob = (
    BuildJob
    | PreflightJob
    | EvaluateJob
    | CompareJob
    | InspectJob
    | ContentsJob
    | MemoryJob
    | InstructionsJob
)
"""The jobs whose result goes into the store."""

Job = StoredJob | ReadJob | DescribeJob | LatencyJob | TargetJob


def project_of(job: Job) -> Project | None:
    """Return the project whose code ``job`` runs; None if it runs none."""
    project: Project | None = getattr(job, "project", None)
    return project


def files_read(job: Job) -> list[Path]:
    """Return the files and folders that ``job`` is given as models and data."""
    sources: tuple[Source | None, ...] = getattr(job, "sources", ())
    return [source.path for source in sources if isinstance(source, FileSource)]


Happening = Literal["ready", "waiting", "started", "progress", "done", "failed", "exited"]


class MemoryLimit(Frozen):
    """How much memory a worker process may use, with all processes that it starts.

    Attributes:
        limit_bytes: The limit in bytes.
        shown: The limit in messages, such as ``4 GB``.
    """

    limit_bytes: int
    shown: str


class Task(Frozen):
    """One job as a worker process gets it, from the file ``task.json`` in a folder of its own.

    Attributes:
        key: Where in the store its result goes; empty if it is not kept.
        store: The cache directory.
        timeout_s: How long it may take once it has started.
        session: Names the session of pytest.
        rebuild: Whether a stored result of another session does not count.
        memory: How much memory it may use.
        job: What to do.
    """

    model_config = ConfigDict(ser_json_inf_nan="constants")  # of a ``LatencyBound``

    key: str
    store: Path
    timeout_s: float
    session: str
    rebuild: bool
    memory: MemoryLimit
    job: Job


class Built(Frozen):
    """How an artifact was built: its file, its sizes, and the seconds that its whole chain took.

    Attributes:
        file: The name of the file; of the folder, if it is a SavedModel.
        size_bytes: Of the file, or of all files of the folder.
        gzip_bytes: Of the file, or of an archive of the folder, deflated at level 9.
        layer_choices: The layers that its stages chose, each with the stage's ``kind``.
        parts: Where the bytes of what TensorFlow serves are; none for a ``.tflite``.
        quantization: What ``quantize`` left in float; None if no stage was one.
    """

    file: str
    size_bytes: int
    gzip_bytes: int
    seconds: float
    layer_choices: Sequence[tuple[str, LayerChoice]] = ()
    parts: Sequence[Part] = ()
    quantization: Quantization | None = None


class Failure(Frozen):
    """Why a task failed.

    Attributes:
        cause: What is wrong.
        hint: What to do instead; may be empty.
        expected: Whether the cause says everything, so that the log is not shown.
        stage: The index of the stage that it is about, where a job has several.
        refused: Whether the same job would fail again. It may succeed where a file changed
            meanwhile, or where memory or the disk were full.
    """

    cause: str
    hint: str
    expected: bool
    stage: int = 0
    refused: bool = False


class Event(Frozen):
    """What a worker process says: its task's folder, what happened, and with what."""

    task: str
    happened: Happening
    activity: str = ""
    failure: Failure | None = None
    exitcode: int | None = None

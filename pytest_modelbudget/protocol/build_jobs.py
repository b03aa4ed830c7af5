"""The jobs that build artifacts, and what they answer."""

from pathlib import Path

from pytest_modelbudget.budgetfile.stages import Stage
from pytest_modelbudget.budgetfile.types import Data, Source, Training
from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.judge.results.artifact_forms import Part
from pytest_modelbudget.judge.results.quantization import Quantization
from pytest_modelbudget.protocol.layer_choice import LayerChoice
from pytest_modelbudget.protocol.project import Project

KERAS_LAYERS = "keras_layers.json"
"""The file beside a ``.tflite`` with the layers of the Keras model it was converted from."""


class BuildJob(Frozen):
    """One step of a recipe: ``stage`` is applied to ``parent``, or to ``model`` without a parent.

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

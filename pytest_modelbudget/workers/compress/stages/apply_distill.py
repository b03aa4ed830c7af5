"""Knowledge distillation: a student learns the teacher's outputs and the task at once.

Hinton et al. 2015 (arXiv:1503.02531). What the outputs mean is told by the loss of the task:

- A cross-entropy on probabilities: their logarithm is taken for the logits, which differ from it
  only by a constant that softmax takes out again. A cross-entropy on logits takes them as they are.
- Any other loss: outputs that are all probabilities of classes are taken as above, and others
  are values, of which the mean squared difference is the student's loss.
"""

from pathlib import Path

import tf_keras

from pytest_modelbudget.budgetfile.references import parse_model
from pytest_modelbudget.budgetfile.stages import Distill
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import BuildJob, Progress
from pytest_modelbudget.workers.compress.models.sources import Model
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training import fine_tuning
from pytest_modelbudget.workers.compress.training.distilling import Distiller

Shapes = dict[str, tuple[int | None, ...]]  # of one sample, by the name of the input or output


def run(job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.keras"``: the student, with the names of the teacher's inputs.

    It trains with what ``job.training`` says, or the teacher was compiled with.

    Raises:
        JobError: The student cannot be loaded, does not fit the teacher, or training fails.
    """
    stage = job.stage
    assert isinstance(stage, Distill)
    progress("loading the teacher")
    teacher = fine_tuning.load(job)
    progress("loading the student")
    student, distiller = _pair(teacher, job, stage)
    fine_tuning.fit(distiller, job, stage.epochs, progress)
    fine_tuning.save(student, output)


def preflight(job: BuildJob, model: Model) -> Outlook:
    """Load the student, and put it beside its teacher."""
    stage = job.stage
    assert isinstance(stage, Distill)
    student, distiller = _pair(model, job, stage)
    fine_tuning.check(distiller, job)
    return Outlook(student)


def _pair(teacher: Model, job: BuildJob, stage: Distill) -> tuple[Model, Distiller]:
    """Return the student, and what trains it; both carry what the teacher was compiled with."""
    student = _in_place_of(teacher, _load(stage.student, job), stage.student)
    distiller = Distiller(teacher, student, stage.temperature, stage.alpha)
    for each in (student, distiller):
        fine_tuning.carry_compiled(teacher, each)
    return student, distiller


def _load(name: str, job: BuildJob) -> Model:
    student = fine_tuning.load(job.model_copy(update={"model": parse_model(name), "parent": None}))
    if not student.trainable_weights:
        raise JobError(
            f"the student {name} has no weights to train", "set trainable = True on its layers"
        )
    return student


def _in_place_of(teacher: Model, student: Model, name: str) -> Model:
    """Give a student the inputs of its teacher, so that the same data fits both."""
    _check_shapes("input", name, _shapes(teacher, "input"), _shapes(student, "input"))
    _check_shapes("output", name, _shapes(teacher, "output"), _shapes(student, "output"))
    inputs = [
        tf_keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=input_name)
        for input_name, tensor in zip(teacher.input_names, teacher.inputs, strict=True)
    ]
    placed = tf_keras.models.clone_model(student, input_tensors=inputs)
    placed.set_weights(student.get_weights())
    return placed


def _shapes(model: Model, end: str) -> Shapes:
    names, tensors = getattr(model, f"{end}_names"), getattr(model, f"{end}s")
    return {name: tuple(tensor.shape[1:]) for name, tensor in zip(names, tensors, strict=True)}


def _check_shapes(end: str, student: str, wanted: Shapes, found: Shapes) -> None:
    """Refuse other shapes; a single input or output may have another name."""
    if len(found) != len(wanted) or (len(wanted) > 1 and list(found) != list(wanted)):
        raise JobError(
            f"the {end}s of the student {student} are {', '.join(found)}, "
            f"but those of its teacher are {', '.join(wanted)}",
            "give the student the same ones, in the same order",
        )
    for (name, shape), taught in zip(found.items(), wanted.values(), strict=True):
        sizes = zip(shape, taught, strict=False)
        if len(shape) != len(taught) or any(size not in (None, other) for size, other in sizes):
            raise JobError(
                f"the {end} {name} of the student {student} has the shape {shape}, "
                f"but that of its teacher is {taught}",
                "build the student for the teacher's shapes",
            )

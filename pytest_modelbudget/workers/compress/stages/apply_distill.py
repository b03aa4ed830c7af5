"""Knowledge distillation: a student is trained on the outputs of its teacher and on the task.

The method is that of Hinton et al. 2015 (arXiv:1503.02531). The loss of the task tells what the
outputs are:

- With a cross-entropy on logits, they are logits. With a cross-entropy on probabilities, their
  logarithm is used as logits: it differs from them by a constant, which softmax ignores.
- With any other loss, outputs that are all probabilities of classes are used as above. Others are
  values, and the loss of the student is their mean squared difference.
"""

from pathlib import Path

import tf_keras

from pytest_modelbudget.budgetfile.references import parse_model
from pytest_modelbudget.budgetfile.stages import Distill
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.compress.models.keras_types import Model
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training.distilling import Distiller
from pytest_modelbudget.workers.compress.training.fine_tuning import check, fit
from pytest_modelbudget.workers.compress.training.trainable import (
    Trainable,
    begin,
    from_source,
    save,
)

Shapes = dict[str, tuple[int | None, ...]]
"""The shape of one sample, by the name of the input or output."""


def run(stage: Distill, job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.keras"``: the student, with the names of the teacher's inputs.

    The student is trained with what the teacher was compiled with.

    Raises:
        JobError: If the student cannot be loaded or does not fit the teacher, or if the training
            fails.
    """
    progress("loading the teacher")
    teacher = begin(job)
    progress("loading the student")
    student = _load_student(teacher, stage, job)
    fit(_distiller(teacher, student, stage), job, stage.epochs, progress)
    save(student, output)


def preflight(stage: Distill, job: BuildJob, start: Trainable) -> Outlook:
    """Load the student, and compare it with its teacher."""
    student = _load_student(start, stage, job)
    check(_distiller(start, student, stage), job)
    return Outlook(student)


def _load_student(teacher: Trainable, stage: Distill, job: BuildJob) -> Trainable:
    name = stage.student
    student = from_source(parse_model(name), job).model
    if not student.trainable_weights:
        raise JobError(
            f"the student {name} has no weights to train", "set trainable = True on its layers"
        )
    for end in ("input", "output"):
        _check_shapes(end, name, _shapes(teacher.model, end), _shapes(student, end))
    return Trainable(_with_inputs_of(teacher.model, student), teacher.compiled)


def _distiller(teacher: Trainable, student: Trainable, stage: Distill) -> Trainable:
    model = Distiller(teacher.model, student.model, stage.temperature, stage.alpha)
    return Trainable(model, teacher.compiled)


def _with_inputs_of(teacher: Model, student: Model) -> Model:
    """Copy a student onto the inputs of its teacher, so that the same data fits both."""
    inputs = [
        tf_keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
        for name, tensor in zip(teacher.input_names, teacher.inputs, strict=True)
    ]
    copy = tf_keras.models.clone_model(student, input_tensors=inputs)
    copy.set_weights(student.get_weights())
    return copy


def _shapes(model: Model, end: str) -> Shapes:
    names, tensors = getattr(model, f"{end}_names"), getattr(model, f"{end}s")
    return {name: tuple(tensor.shape[1:]) for name, tensor in zip(names, tensors, strict=True)}


def _check_shapes(end: str, student: str, wanted: Shapes, found: Shapes) -> None:
    """Check the inputs or outputs of a student; a single one may have another name."""
    if len(found) != len(wanted) or (len(wanted) > 1 and list(found) != list(wanted)):
        raise JobError(
            f"the {end}s of the student {student} are {', '.join(found)}, "
            f"but those of its teacher are {', '.join(wanted)}",
            f"give the student the {end}s of its teacher, in the same order",
        )
    for (name, shape), expected in zip(found.items(), wanted.values(), strict=True):
        sizes = zip(shape, expected, strict=False)
        if len(shape) != len(expected) or any(size not in (None, other) for size, other in sizes):
            raise JobError(
                f"the {end} {name} of the student {student} has the shape {shape}, "
                f"but that of its teacher is {expected}",
                "build the student for the teacher's shapes",
            )

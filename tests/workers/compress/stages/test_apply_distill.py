from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from example_project import data
from pytest_modelbudget.budgetfile.stages import Distill
from pytest_modelbudget.budgetfile.types import CallSource, Data, FileSource, Source, Training
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.stages import run_stage
from pytest_modelbudget.workers.compress.training import distilling
from tests.workers.compress import graphs, students
from tests.workers.compress.building import job, no_progress

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def teacher(digits: FileSource) -> FileSource:
    return digits


def run(
    output: Path, teacher: Source, student: str, training: Training | None = None, **stage: Any
) -> Any:
    """Distill on the digits, and return the student that was written."""
    output.mkdir()
    name = "reconstruction_train" if "autoencoder" in student else "train"
    samples = Data(train=CallSource(call=f"example_project.data:{name}"))
    if ":" not in student:
        student = f"tests.workers.compress.students:{student}"
    made = job(teacher, Distill(student=student, **stage), None, samples)
    made = made.model_copy(update={"training": training or Training()})
    run_stage(made, output, no_progress)
    return tf_keras.models.load_model(output / "model.keras", compile=False)


def accuracy(model: Any) -> float:
    x, y = data.test()
    return float(np.mean(np.argmax(model.predict(x, verbose=0), axis=-1) == y))


def test_a_student_learns_and_takes_its_teachers_inputs(
    teacher: FileSource, tmp_path: Path
) -> None:
    student = run(tmp_path / "out", teacher, "small", epochs=10)

    assert student.input_names == ["image"]
    assert [layer.name for layer in student.layers] == ["conv", "flatten", "out"]
    assert student.count_params() == students.small().count_params()
    assert accuracy(student) > 0.85


def test_with_alpha_0_only_the_teacher_counts(teacher: FileSource, tmp_path: Path) -> None:
    wrong = Training(loss="tests.workers.compress.students:always_zero")

    student = run(tmp_path / "out", teacher, "small", wrong, alpha=0.0, epochs=10)

    assert accuracy(student) > 0.85


def test_a_keras_3_student(teacher: FileSource, tmp_path: Path) -> None:
    student = run(tmp_path / "out", teacher, "keras_3", epochs=1)

    assert student.input_names == ["image"]
    assert student.name == "keras_3"


def test_a_regression_student_learns_the_values(tmp_path: Path) -> None:
    model = students.autoencoder(units=48)
    x, _ = data.reconstruction_train()
    model.fit(x, x, epochs=10, verbose=0)
    model.save(tmp_path / "teacher.keras")
    source = FileSource(path=tmp_path / "teacher.keras")

    student = run(tmp_path / "out", source, "autoencoder", alpha=0.0, epochs=10)

    tests, _ = data.reconstruction_test()
    taught, learned = (each.predict(tests, verbose=0) for each in (model, student))
    assert np.mean((taught - learned) ** 2) < np.var(taught) / 4
    assert student.layers[0].units == 16


@pytest.mark.parametrize("ends", ["probabilities", "logits"])
def test_the_loss_is_that_of_hinton(ends: str) -> None:
    """Check one batch against the formula, written out: T^2 KL(teacher || student)."""
    rng = np.random.default_rng(0)
    taught, learned = (rng.normal(size=(4, 3)).astype(np.float32) for _ in range(2))
    activation = "softmax" if ends == "probabilities" else None
    teacher, student = (graphs.constant(logits, activation) for logits in (taught, learned))
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=ends == "logits")
    distiller = distilling.Distiller(teacher, student, temperature=3.0, alpha=0.25)
    distiller.compile("sgd", loss)
    rows = np.arange(4)
    x, y = tf.constant(rows[:, None]), tf.constant(rows % 3)

    found = distiller.compute_loss(x, y, distiller(x))

    soft = [np.exp(each / 3) / np.exp(each / 3).sum(1, keepdims=True) for each in (taught, learned)]
    divergence = 9 * np.mean(np.sum(soft[0] * np.log(soft[0] / soft[1]), axis=1))
    probabilities = np.exp(learned) / np.exp(learned).sum(axis=1, keepdims=True)
    task = -np.mean(np.log(probabilities[rows, rows % 3]))
    np.testing.assert_allclose(found, 0.25 * task + 0.75 * divergence, rtol=1e-5)


@pytest.mark.parametrize(
    ("student", "message"),
    [
        (
            "five_classes",
            "the output out of the student tests.workers.compress.students:five_classes has the "
            "shape (5,), but that of its teacher is (10,); build the student for the teacher's "
            "shapes",
        ),
        (
            "larger_images",
            "the input pixels of the student tests.workers.compress.students:larger_images has the "
            "shape (16, 16, 1), but that of its teacher is (8, 8, 1); "
            "build the student for the teacher's shapes",
        ),
        (
            "two_inputs",
            "the inputs of the student tests.workers.compress.students:two_inputs are left, right, "
            "but those of its teacher are image; give the student the inputs of its "
            "teacher, in the same order",
        ),
        (
            "linear",
            "the loss sparse_categorical_crossentropy expects probabilities, but the student does "
            "not return them; use the same last activation in both models, and set training.loss "
            "to match it",
        ),
        (
            "frozen",
            "the student tests.workers.compress.students:frozen has no weights to train; "
            "set trainable = True on its layers",
        ),
    ],
)
def test_a_student_that_does_not_fit(
    student: str, message: str, teacher: FileSource, tmp_path: Path
) -> None:
    with pytest.raises(JobError) as raised:
        run(tmp_path / "out", teacher, student)

    assert str(raised.value) == message

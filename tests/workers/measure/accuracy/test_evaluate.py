import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.types import CallSource, FileSource, Metric, Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.scores import ModelScore
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.score_jobs import EvaluateJob
from pytest_modelbudget.workers.measure.accuracy.evaluate import evaluate
from pytest_modelbudget.workers.measure.accuracy.per_sample import read_columns

RANDOM = np.random.default_rng(0)
X = RANDOM.random((3000, 3)).astype(np.float32)
Y = np.where(np.arange(3000) % 4 == 0, (X.argmax(1) + 1) % 3, X.argmax(1))


def score(
    model: Path,
    data: Source,
    name: Literal["accuracy", "mae"] = "accuracy",
    output: Path | None = None,
    threads: int = 2,
) -> ModelScore:
    project = Project(rootdir=model.parent, sys_path=())
    job = EvaluateJob(model=model, data=data, metric=Metric(name=name), project=project)
    with TemporaryDirectory() as folder:
        return evaluate(job, output or Path(folder), lambda _activity: None, threads)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the user's callable ``mine:data`` return something."""

    def given(value: object) -> CallSource:
        module = ModuleType("mine")
        module.data = lambda: value  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "mine", module)
        return CallSource(call="mine:data")

    return given


@pytest.mark.parametrize("model", ["double", "fixed"])
def test_three_of_four_are_right(models: Path, given: Any, model: str) -> None:
    found = score(models / f"{model}.tflite", given((X, Y)))
    assert found.value == 0.75
    assert found.samples == 3000
    assert 0 < found.invoke_s < found.seconds * found.threads


def test_an_npz_and_a_list_of_batches_give_the_same(
    models: Path, given: Any, tmp_path: Path
) -> None:
    np.savez(tmp_path / "test.npz", x=X, y=Y)
    batches = [(X[:1], Y[:1]), (X[1:], Y[1:])]
    for source in (FileSource(path=tmp_path / "test.npz"), given(batches)):
        assert score(models / "double.tflite", source).value == 0.75


def test_several_inputs_and_outputs(models: Path, given: Any) -> None:
    x = {"a": X, "b": X[:, :1]}
    found = score(models / "two.tflite", given((x, {"double": 2 * X + 1})), "mae")
    assert found.value == pytest.approx(1, abs=1e-6)


def test_every_sample_with_an_infinite_output_is_counted(models: Path, given: Any) -> None:
    x = np.ones((9000, 1))
    x[[12, 700, 8999]] = 0
    with pytest.raises(JobError) as error:
        score(models / "log.tflite", given((x, x)), "mae")
    assert str(error.value) == (
        "the model's output y contains NaN or infinity in 3 of 9000 samples (first: sample 12); "
        "check for float16 overflow, and that calibration data covers the range of inputs"
    )


def test_a_nan_output_is_no_prediction(models: Path, given: Any) -> None:
    with pytest.raises(JobError, match="contains NaN or infinity in 1 of 2 samples"):
        score(models / "log.tflite", given((np.array([[1.0], [-1.0]]), np.zeros(2))), "mae")


def test_data_that_does_not_fit_the_model(models: Path, given: Any) -> None:
    with pytest.raises(JobError) as error:
        score(models / "double.tflite", given((X[:, :2], Y)))
    assert str(error.value) == (
        "input x needs samples of shape (3,), but x has samples of shape (2,); reshape the samples"
    )


def test_data_without_labels(models: Path, given: Any) -> None:
    with pytest.raises(JobError) as error:
        score(models / "double.tflite", given((X, None)))
    assert str(error.value) == "mine:data: y is None; return labels as y: accuracy needs them"


@pytest.mark.parametrize("model", ["double", "fixed"])
def test_the_number_of_threads_changes_no_outcome(
    models: Path, given: Any, tmp_path: Path, model: str
) -> None:
    kept = []
    for threads in (1, 4):
        folder = tmp_path / str(threads)
        folder.mkdir()
        score(models / f"{model}.tflite", given((X, X)), "mae", folder, threads)
        kept.append(read_columns(folder)["score"])
    assert kept[0].shape == (3000,)
    np.testing.assert_array_equal(kept[0], kept[1])


def test_what_is_right_and_its_class_are_kept_in_order(
    models: Path, given: Any, tmp_path: Path
) -> None:
    score(models / "double.tflite", given((X, Y)), output=tmp_path)
    kept = read_columns(tmp_path)
    np.testing.assert_array_equal(kept["score"], np.arange(3000) % 4 != 0)
    np.testing.assert_array_equal(kept["label"], Y)


def test_the_digest_is_of_the_samples_and_their_order_not_of_the_batches(
    models: Path, given: Any
) -> None:
    def digest(x: Any, y: Any, batches: int = 1) -> str:
        parts = list(zip(np.array_split(x, batches), np.array_split(y, batches), strict=True))
        return score(models / "double.tflite", given(parts)).data

    assert digest(X, Y) == digest(X, Y, batches=7)
    assert len({digest(X, Y), digest(X[::-1], Y[::-1]), digest(X, (Y + 1) % 3)}) == 3


def test_the_first_of_several_errors_is_told_whatever_thread_met_it(
    models: Path, given: Any
) -> None:
    labels = np.zeros(3000, int)
    labels[1500], labels[2900] = 7, 9
    for _ in range(5):
        with pytest.raises(JobError, match="y has labels 0 to 7, but the model has classes 0 to 2"):
            score(models / "double.tflite", given((X, labels)), threads=4)


def test_text_for_a_model_that_reads_numbers(models: Path, given: Any) -> None:
    with pytest.raises(JobError) as error:
        score(models / "double.tflite", given((X.astype("U"), X)), "mae")
    assert str(error.value) == (
        "input x takes float32, but the data are text; "
        "give x as numbers, or end the recipe in saved_model, which may read text"
    )


def test_a_model_that_reads_text(models: Path, given: Any) -> None:
    with pytest.raises(JobError) as error:
        score(models / "text.tflite", given((X[:, :1], X[:, :1])), "mae")
    assert str(error.value) == (
        "input x takes text, but the data are numbers; "
        "convert the model without its text preprocessing"
    )

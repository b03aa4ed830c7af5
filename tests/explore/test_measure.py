"""The functions for notebooks, on a real model without TensorFlow."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.explore.measure import measure_model
from tests.conftest import ZYGOTES, Project, temporary_folder
from tests.models import blobs


@pytest.fixture
def folder(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory of a notebook, with a model and its test set."""
    shutil.copy(Path(blobs.__file__).with_name("blobs.tflite"), project.root)
    x, y = blobs.test()
    np.savez(project.root / "test.npz", x=x, y=y)
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("TMPDIR", temporary_folder())
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the test of init loads all plugins
    monkeypatch.setattr(sys, "executable", ZYGOTES.interpreter())
    return project.root


def test_a_model_without_a_budget_file_is_measured_and_shows_as_a_table(folder: Path) -> None:
    table = measure_model("blobs.tflite", test="test.npz", presets=("float32", "dynamic", "qat"))

    float32, dynamic, qat = table
    assert [each.name for each in table] == ["float32", "dynamic", "qat"]
    assert float32.value("bytes") == (folder / "blobs.tflite").stat().st_size
    assert float32.shown("accuracy") == "0.9650 (0.9421\u20130.9790)"
    assert dynamic.value("latency_ratio") == pytest.approx(1, abs=0.99)
    assert qat.why_not == "needs a Keras model, and blobs.tflite is a .tflite"

    head, *rows = re.findall(r"<tr>(.*?)</tr>", table._repr_html_())
    names = ["bytes", "gzip_bytes", "accuracy", "latency", "accuracy_drop", "latency_ratio"]
    assert re.findall(r"<th>(.*?)</th>", head) == ["variant", *names, "why not"]
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in rows]
    assert [len(row) for row in cells] == [8, 8, 8]
    assert cells[0][:4] == ["float32", "6.30 kB", "928 B", "0.9650 (0.9421\u20130.9790)"]
    assert cells[0][5:] == ["", "", ""]
    assert cells[2] == ["qat", "", "", "", "", "", "", qat.why_not]
    lines = repr(table).splitlines()
    assert lines[0].split() == ["variant", *names, "why", "not"]
    assert [line.index("6.30 kB") for line in lines[1:2]] == [lines[0].index("bytes")]

    assert not list(folder.glob("**/*.budget.yaml"))


def test_a_model_that_does_not_exist_is_an_error_of_one_line(folder: Path) -> None:
    assert folder == Path.cwd()
    with pytest.raises(ModelBudgetError, match=r"^MODEL: bolbs\.tflite does not exist$"):
        measure_model("bolbs.tflite")


def test_nothing_is_timed_without_a_score(folder: Path) -> None:
    np.savez(folder / "wide.npz", x=np.zeros((9, 3), np.float32), y=np.zeros(9, np.int64))
    (float32,) = measure_model("blobs.tflite", test="wide.npz", presets=["float32"])
    assert float32.why_not.startswith("input x needs samples of shape (16,), but x")
    assert [row.name for row in float32.rows] == ["bytes", "gzip_bytes", "accuracy"]

"""``modelbudget init`` on a Keras model: with TensorFlow, and with presets that train."""

import json
import shutil
from pathlib import Path

import h5py
import keras as keras3
import numpy as np
import pytest

from example_project import data
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.budgetfile.types import CallSource, FileSource
from pytest_modelbudget.explore.request import request_of
from pytest_modelbudget.protocol.project import Project as Modules
from pytest_modelbudget.protocol.score_jobs import DescribeJob
from pytest_modelbudget.workers.describing import describe
from tests.conftest import Project
from tests.test_init import init

pytestmark = pytest.mark.tensorflow
MODELS = Path(data.__file__).with_name("models")
FILE = "budgets/model.budget.yaml"


@pytest.fixture
def keras(project: Project) -> Project:
    """Return a project with a trained Keras model and its data."""
    shutil.copy(MODELS / "digits_cnn.keras", project.root / "model.keras")
    for name, (x, y) in {"test": data.test(), "train": data.train()}.items():
        np.savez(project.root / name, x=x[:200], y=np.eye(10)[y[:200]])
    return project


def test_presets_that_train_have_a_time(keras: Project) -> None:
    words = ("model.keras", "--test", "test.npz", "--train", "train.npz", "--time", "1ms")
    result = init(keras, *words, "--variants", "int8,qat")
    assert result.exitcode == 0, result.output
    result.has("one-hot labels", "int8 41.6 kB", "qat not measured: the time limit was reached")
    [int8] = load(keras.root / FILE)
    assert int8.variant == "int8"
    alone = init(keras, *words, "--variants", "qat", "--force")
    assert alone.exitcode == 1
    alone.has(
        "no preset could be measured: the time limit was reached; give it more, such as --time 10m"
    )
    gate = keras.pytest("budgets", "-k", "not latency")
    assert gate.exitcode == 0, gate.output
    assert "(built" not in gate.output


NETS = """
import keras
import numpy

def build():
    return keras.saving.load_model("model.keras")

def test():
    samples = numpy.load("test.npz")
    return samples["x"], samples["y"]
"""


def test_models_and_data_may_be_what_functions_return(keras: Project) -> None:
    keras.write("nets.py", NETS)
    words = ("nets:build", "--test", "nets:test", "--variants=dynamic", "-o", FILE)
    result = init(keras, *words)
    assert result.exitcode == 0, result.output
    [dynamic] = load(keras.root / FILE)
    assert dynamic.model == CallSource(call="nets:build")
    assert dynamic.data.test == CallSource(call="nets:test")
    assert [limit.name for limit in dynamic.limits] == [
        "max_bytes",
        "max_gzip_bytes",
        "max_accuracy_drop",
        "max_latency_ratio",
    ]


# Keras 3 on NumPy 2: https://github.com/keras-team/keras/pull/21288
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "loss"), [("model.h5", "sparse_categorical_crossentropy"), ("saved", "")]
)
def test_other_files_of_keras_are_described_and_named_in_the_file(
    name: str, loss: str, keras: Project
) -> None:
    """They are converted as in ``test_apply_convert``."""
    path = keras.root / name
    model = keras3.saving.load_model(keras.root / "model.keras")
    if path.suffix:
        model.save(path)
    else:
        model.export(path, verbose=False)
    job = DescribeJob(
        described=FileSource(path=path),
        signature="",
        samples=FileSource(path=keras.root / "test.npz"),
        trust_code=False,
        project=Modules(rootdir=keras.root, sys_path=()),
    )
    described = describe(job)
    assert (described.loss, list(described.outputs.values())) == (loss, [(10,)])
    assert described.labels is not None
    assert described.labels.one_hot
    assert request_of(keras.root / FILE, str(path), {}).model == f"../{name}"


def test_a_model_that_cannot_be_loaded_is_one_line_that_names_the_option(keras: Project) -> None:
    double = {"name": "double", "function": {"class_name": "__lambda__"}}
    with h5py.File(keras.root / "lambda.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"layers": [{"config": double}]})
    result = init(keras, "lambda.h5", "--test", "test.npz")
    assert result.exitcode == 1
    [line] = result.output.splitlines()
    assert line.endswith(
        "lambda.h5 contains Python code, which loading it would run: layer double; "
        "add --trust-code if you trust the author of the file"
    )

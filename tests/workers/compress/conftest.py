from pathlib import Path

import pytest
import tf_keras

from example_project import data
from pytest_modelbudget.budgetfile.types import FileSource
from tests.conftest import once
from tests.workers.compress import graphs
from tests.workers.compress.building import call, make


@pytest.fixture(scope="session")
def cnn(shared: Path) -> Path:
    """The folder of a converted Keras 3 CNN."""
    return once(shared / "cnn", lambda folder: make(folder, call("cnn")))


@pytest.fixture(scope="session")
def two_ends(shared: Path) -> Path:
    """The folder of a converted model with two inputs and two outputs."""
    return once(shared / "two_ends", lambda folder: make(folder, call("two_ends")))


@pytest.fixture(scope="session")
def digits(shared: Path) -> FileSource:
    """A trained classifier of the example project's digits."""
    return FileSource(path=once(shared / "digits.keras", _train_digits))


def _train_digits(path: Path) -> None:
    tf_keras.utils.set_random_seed(0)
    model = graphs.digits()
    model.fit(*data.train(), epochs=10, verbose=0)
    model.save(path)

from pathlib import Path

import pytest

from tests.workers.compress.building import call, make


@pytest.fixture(scope="session")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a converted Keras 3 CNN."""
    folder = tmp_path_factory.mktemp("cnn")
    make(folder, call("cnn"))
    return folder


@pytest.fixture(scope="session")
def two_ends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a converted model with two inputs and two outputs."""
    folder = tmp_path_factory.mktemp("two_ends")
    make(folder, call("two_ends"))
    return folder

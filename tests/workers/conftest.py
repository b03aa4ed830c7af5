from pathlib import Path

import pytest

from pytest_modelbudget.workers.tflite.interpreter import Interpreter


@pytest.fixture
def models() -> Path:
    """Return where the models are that ``make.py`` made."""
    return Path(__file__).parent / "models"


@pytest.fixture
def quantized(models: Path) -> Interpreter:
    """Return a model of int8 to uint8 that doubles."""
    return Interpreter(models / "quantized.tflite", threads=1)

"""Where the bytes of an artifact of any form are."""

from pathlib import Path

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.contents import Contents
from pytest_modelbudget.judge.results.artifact_forms import SAVED_MODEL_GRAPH
from pytest_modelbudget.workers.compress.export.keras_file_parts import keras_file_contents
from pytest_modelbudget.workers.compress.models import formats
from pytest_modelbudget.workers.contents.tflite_contents import tflite_contents


def artifact_contents(path: Path) -> Contents:
    """Return where the bytes of an artifact are.

    Args:
        path: A ``.tflite``, a ``.keras`` file, or the folder of a SavedModel.

    Raises:
        JobError: if ``path`` is not an artifact of one of these forms, or is damaged.
    """
    if (path / SAVED_MODEL_GRAPH).is_file():
        # Not at the top, because only a SavedModel needs TensorFlow.
        from pytest_modelbudget.workers.compress.export.saved_model_parts import (
            saved_model_contents,
        )

        return saved_model_contents(path)
    if formats.starts_with(path, formats.ZIP):
        return keras_file_contents(path)
    if formats.starts_with(path, formats.TFLITE, offset=4):
        return tflite_contents(path)
    cause = f"{path} is not a .tflite, a .keras file or a SavedModel; found {formats.found(path)}"
    raise JobError(cause)

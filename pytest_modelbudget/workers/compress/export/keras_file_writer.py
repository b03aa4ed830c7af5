"""Rewrites a ``.keras`` file without its optimizer, with equal bytes for equal models."""

import io
import json
import zipfile
from pathlib import Path

import h5py

from pytest_modelbudget.budgetfile.stages import KerasFile

WEIGHTS, CONFIG, METADATA = "model.weights.h5", "config.json", "metadata.json"
OPTIMIZER = "optimizer"  # the group of its variables
_EPOCH = (1980, 1, 1, 0, 0, 0)


def rewrite_keras_file(stage: KerasFile, source: Path, target: Path) -> None:
    """Copy the ``.keras`` file ``source`` to ``target``, without what ``stage`` strips.

    The date and the times of the archive are left out in any case.
    """
    strips_optimizer = "optimizer" in stage.strip
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == METADATA:
                content = _without(content, "date_saved")
            if name == CONFIG and strips_optimizer:
                content = _without(content, "compile_config")
            if name == WEIGHTS and strips_optimizer:
                content = _without_optimizer(content)
            new.writestr(zipfile.ZipInfo(name, _EPOCH), content)


def _without(content: bytes, key: str) -> bytes:
    written = json.loads(content)
    written.pop(key, None)
    return json.dumps(written).encode()


def _without_optimizer(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as old, h5py.File(buffer, "w") as new:
        for name, value in old.attrs.items():
            new.attrs[name] = value
        for name in old:
            if name != OPTIMIZER:
                old.copy(name, new)
    return buffer.getvalue()

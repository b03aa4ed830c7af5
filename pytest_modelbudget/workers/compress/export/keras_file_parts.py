"""Where the bytes of a ``.keras`` file are."""

import io
import zipfile
from collections import Counter
from pathlib import Path

import h5py

from pytest_modelbudget.judge.results import Part
from pytest_modelbudget.workers.compress.export.keras_file_writer import (
    CONFIG,
    OPTIMIZER,
    WEIGHTS,
)


def keras_file_parts(path: Path) -> tuple[Part, ...]:
    """Return the parts of a ``.keras`` file; their bytes add up to those of the file."""
    sizes: Counter[str] = Counter()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name == WEIGHTS:
                sizes.update(_variables(archive.read(name)))
            elif name == CONFIG:
                sizes["configuration"] += len(archive.read(name))
            elif name.startswith("assets/"):
                sizes["assets"] += len(archive.read(name))
    sizes["file structure and metadata"] = path.stat().st_size - sizes.total()
    return tuple(Part(name=name, size_bytes=size) for name, size in sizes.items())


def _variables(content: bytes) -> Counter[str]:
    sizes: Counter[str] = Counter()

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            is_slot = name.startswith(f"{OPTIMIZER}/")
            sizes["optimizer variables" if is_slot else "layer variables"] += item.nbytes

    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(add)
    return sizes

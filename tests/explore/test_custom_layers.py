import json
import zipfile
from pathlib import Path

import pytest

from pytest_modelbudget.explore.custom_layers import custom_modules


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        ({"module": "shop.layers", "class_name": "Gate", "registered_name": "shop>Gate"}, True),
        ({"module": "keras.layers", "class_name": "Dense", "registered_name": "Dense"}, False),
        ({"module": "__main__", "class_name": "Gate", "registered_name": "Gate"}, False),
        ({"module": "shop.layers", "class_name": "Gate", "registered_name": None}, False),
    ],
)
def test_modules_of_registered_classes(tmp_path: Path, layer: object, found: bool) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": [layer, layer]}}))
    assert custom_modules(path) == (("shop.layers",) if found else ())


def test_a_file_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"no archive")
    assert custom_modules(tmp_path / "m.keras") == ()
    assert custom_modules(tmp_path / "missing.keras") == ()

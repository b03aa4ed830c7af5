"""Which packages modules come from, compared with the standard library's slower answer."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from pytest_modelbudget.protocol.installed import packages_of_modules

PACKAGES = {
    "declared-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: declared\nVersion: 1\n",
    "declared-1.dist-info/top_level.txt": "one\n_two\n",
    "recorded-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: recorded\nVersion: 1\n\nName: x",
    "recorded-1.dist-info/RECORD": (
        'one/part.py,,\n"a, b/part.py",,\nalone.py,,\nnative.cpython-313-x86_64-linux-gnu.so,,\n'
        "../../bin/script,,\nrecorded-1.dist-info/RECORD,,\n"
    ),
    "old.egg-info/PKG-INFO": "Metadata-Version: 1.0\nName: old\nVersion: 1\n",
    "old.egg-info/installed-files.txt": "../three/__init__.py\n",
    "one/part.py": "",
    "a, b/part.py": "",
    "alone.py": "",
    "native.cpython-313-x86_64-linux-gnu.so": "",
    "three/__init__.py": "",
}


def test_modules_are_those_that_a_package_declares_or_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in PACKAGES.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "script").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    found = packages_of_modules.__wrapped__()
    assert found == {
        module: tuple(sorted(packages))
        for module, packages in metadata.packages_distributions().items()
    }
    assert found["one"] == ("declared", "recorded")
    assert {"_two", "a, b", "alone"} <= found.keys()  # Python 3.11 does not find "three" either

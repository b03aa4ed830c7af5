"""The exchange of two paths, on a file system that can do it at once and on one that cannot."""

import ctypes
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_modelbudget.protocol.exchange import exchange


@pytest.fixture(params=["at once", "by three renames"], autouse=True)
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by three renames":
        refusing = SimpleNamespace(renameat2=lambda *_arguments: -1)
        monkeypatch.setattr(ctypes, "CDLL", lambda *_arguments, **_options: refusing)


def test_two_folders_that_are_not_empty_change_places(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    exchange(tmp_path / "one", tmp_path / "other")
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert found == ["one", "one/other", "other", "other/one"]


def test_a_file_and_a_folder_change_places(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("one")
    (tmp_path / "other").mkdir()
    exchange(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one").is_dir()
    assert (tmp_path / "other").read_text() == "one"


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("one")
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one").read_text() == "one"

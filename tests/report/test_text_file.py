import os
from pathlib import Path

import pytest

from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.report.text_file import check_file, write_file


def test_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.json"
    check_file(path)
    assert not path.parent.exists()
    write_file(path, "ü\n")
    assert path.read_text() == "ü\n"
    assert os.listdir(path.parent) == ["a.json"]


def test_a_file_keeps_its_content_until_all_of_the_new_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_file(path, "new \udc80")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to("a.json")
    check_file(link)
    write_file(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "a.json").read_text() == "new"


def test_a_pipe_is_written_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    check_file(pipe)
    write_file(pipe, "new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert pipe.is_fifo()


def test_what_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(ModelBudgetError, match=r"^file/a\.json cannot be written: file: Not a dir"):
        check_file(tmp_path / "file" / "a.json")
    with pytest.raises(ModelBudgetError, match=r"is a directory; name a file$"):
        check_file(tmp_path)
    with pytest.raises(ModelBudgetError, match=r"^/proc/a\.json cannot be written: /proc: "):
        check_file(Path("/proc/a.json"))

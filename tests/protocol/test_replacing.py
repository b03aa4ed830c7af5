"""Files that take the place of what was there, whole or not at all."""

from pathlib import Path

import pytest

from pytest_modelbudget.protocol.replacing import replace_text, replacing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half(target: Path) -> None:
    with replacing(target) as staged:
        staged.write_text("half")
        raise OSError("the disk is full")


def test_a_text_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    for text in ("old", "neu: größer"):
        replace_text(target, text)
        assert target.read_text(encoding="utf-8") == text
    assert names(tmp_path) == ["report.md"]


def test_what_was_there_stays_if_the_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    target.write_text("old")
    with pytest.raises(OSError, match="full"):
        write_half(target)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["report.md"]


def test_a_text_does_not_replace_a_folder(tmp_path: Path) -> None:
    (tmp_path / "report.md").mkdir()
    with pytest.raises(IsADirectoryError, match=r"is a directory: '.*report\.md'"):
        replace_text(tmp_path / "report.md", "text")
    assert names(tmp_path) == ["report.md"]

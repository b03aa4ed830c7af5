"""The deflated size of a file and of a folder."""

import gzip
import os
from pathlib import Path

from pytest_modelbudget.workers.contents.archive import gzip_bytes


def test_a_file_is_deflated_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"abc" * 1000)
    assert gzip_bytes(tmp_path / "model") == len(gzip.compress(b"abc" * 1000, 9, mtime=0))


def test_the_archive_of_a_folder_does_not_depend_on_times_and_modes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name / "variables").mkdir(parents=True)
        (tmp_path / name / "variables" / "data").write_bytes(bytes(range(256)) * 40)
        (tmp_path / name / "graph").write_bytes(b"graph")
    os.utime(tmp_path / "other" / "graph", (1, 1))
    (tmp_path / "other" / "graph").chmod(0o600)
    assert gzip_bytes(tmp_path / "one") == gzip_bytes(tmp_path / "other")


def test_every_file_below_the_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "graph").write_bytes(b"graph")
    before = gzip_bytes(tmp_path)
    (tmp_path / "inside" / "data").write_bytes(os.urandom(5000))
    assert before + 5000 < gzip_bytes(tmp_path) < before + 5300

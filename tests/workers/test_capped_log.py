from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pytest_modelbudget.workers import capped_log
from pytest_modelbudget.workers.capped_log import CappedLog


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capped_log, "HEAD_BYTES", 100)
    monkeypatch.setattr(capped_log, "TAIL_BYTES", 100)
    monkeypatch.setattr(capped_log, "MAX_LINE", 20)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[CappedLog]:
    with closing(CappedLog(tmp_path / "log.txt")) as log:
        yield log


def test_a_short_log_is_kept_as_it_is(log: CappedLog, tmp_path: Path) -> None:
    for _ in range(10):
        log.write(b"x" * 29 + b"\n")
    assert (tmp_path / "log.txt").read_bytes() == 10 * (b"x" * 29 + b"\n")


@pytest.mark.parametrize("chunk", [10, 300, 6000])
def test_the_middle_of_a_long_log_is_left_out(log: CappedLog, tmp_path: Path, chunk: int) -> None:
    output = b"".join(b"line %4d\n" % number for number in range(1000))  # 10 bytes each
    for start in range(0, len(output), chunk):
        log.write(output[start : start + chunk])
        if start + chunk > 300:
            assert (tmp_path / "log.txt").stat().st_size < 300 + chunk + 60
    head, notice, tail = (tmp_path / "log.txt").read_bytes().partition(b"\n... ")
    assert (head + notice[:1]).endswith(b"line    9\n\n")
    count, _, tail = tail.partition(b" bytes of the log are left out here ...\n")
    assert len(head) + int(count.replace(b",", b"")) + len(tail) == len(output)
    assert output.startswith(head)
    assert output.endswith(tail)
    assert 90 <= len(tail) <= 300
    assert tail.startswith(b"line ")


def test_an_output_without_lines_is_cut_too(log: CappedLog, tmp_path: Path) -> None:
    log.write(b"x" * 4999 + b"\n")
    notice = b"\n... 4,800 bytes of the log are left out here ...\n"
    assert (tmp_path / "log.txt").read_bytes() == 100 * b"x" + notice + 99 * b"x" + b"\n"


def test_a_full_disk_does_not_stop_the_task() -> None:
    with closing(CappedLog(Path("/dev/full"))) as log:
        log.write(b"lost")

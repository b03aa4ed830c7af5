"""What git knows of a ledger, with a real repository."""

import subprocess
from pathlib import Path

import pytest

from pytest_modelbudget.ledger.ledger_file import Ledger, LedgerFigure, LedgerVariant, render
from pytest_modelbudget.ledger.ledger_history import read_history
from pytest_modelbudget.report.html_history import AcceptedPoint, variant_history

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")


def ledger(**bytes_of: int) -> Ledger:
    variants = {
        name: LedgerVariant(
            artifact="ab", figures={"bytes": LedgerFigure(accepted=accepted, anchor=accepted)}
        )
        for name, accepted in bytes_of.items()
    }
    return Ledger(version=1, environments={}, data={}, variants=variants)


def commit(path: Path, text: str | None) -> None:
    """Commit the ledger with this text; without one, commit that it is deleted."""
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    for words in (["add", "."], ["commit", "-qm", "accept"]):
        subprocess.run([*GIT, *words], cwd=path.parent, check=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "budgets").mkdir()
    return tmp_path / "budgets" / "ünïcode digits.ledger.json"


def test_each_commit_that_changed_the_ledger_is_read_the_oldest_first(path: Path) -> None:
    commit(path, render(ledger(int8=1000)))
    commit(path, "a merge conflict")
    commit(path, None)
    commit(path, render(ledger(int8=1100, other=5)))
    commit(path, render(ledger(int8=1100, other=6)))
    path.write_text("not committed")
    found = read_history(path)
    assert [each.ledger for each in found] == [
        ledger(int8=1000),
        ledger(int8=1100, other=5),
        ledger(int8=1100, other=6),
    ]
    history = variant_history(found, "int8")
    assert history
    assert history.figures == ("bytes",)
    assert history.commits == tuple(f"{each.date} {each.commit}" for each in found[:2])
    assert history.points == (
        (AcceptedPoint(1000, "1,000 B"),),
        (AcceptedPoint(1100, "1,100 B"),),
    )
    assert variant_history(found, "") is None


def test_without_a_ledger_or_git_there_is_no_history(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_history(path) == ()
    commit(path, render(ledger(int8=1000)))
    path.unlink()
    assert read_history(path) == ()
    path.write_text(render(ledger(int8=1000)))
    assert len(read_history(path)) == 1
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_history(path) == ()


def test_a_name_of_two_lines_has_no_history(path: Path) -> None:
    path = path.with_name("two\nlines.ledger.json")
    commit(path, render(ledger(int8=1000)))
    assert read_history(path) == ()

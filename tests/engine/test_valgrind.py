from pathlib import Path

import pytest

from pytest_modelbudget.engine.valgrind import Valgrind, find_valgrind
from pytest_modelbudget.judge.findings import UnmeasuredError
from tests.conftest import shell_script


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder with programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def why_not() -> str:
    with pytest.raises(UnmeasuredError) as error:
        find_valgrind()
    return str(error.value)


@pytest.mark.parametrize("version", ["valgrind-3.19.0", "valgrind-3.26.0.GIT", "valgrind-4.0"])
def test_the_valgrind_on_the_path(path: Path, version: str) -> None:
    program = shell_script(path / "valgrind", f"echo {version}")
    assert find_valgrind() == Valgrind(program, version)


@pytest.mark.usefixtures("path")
def test_no_valgrind() -> None:
    assert why_not() == (
        "Valgrind, which counts instructions, is missing; "
        "install it, for example with `apt-get install valgrind`"
    )


@pytest.mark.parametrize("version", ["valgrind-3.9.0", "valgrind-3.18.1", "busybox"])
def test_an_old_valgrind(path: Path, version: str) -> None:
    program = shell_script(path / "valgrind", f"echo {version}")
    assert why_not() == f"{program} is {version}; install Valgrind 3.19 or newer"


def test_a_valgrind_that_does_not_start(path: Path) -> None:
    program = shell_script(path / "valgrind", "exit 127")
    assert why_not() == (
        f"Valgrind does not start: Command '['{program}', '--version']' returned non-zero exit "
        "status 127.; install it, for example with `apt-get install valgrind`"
    )

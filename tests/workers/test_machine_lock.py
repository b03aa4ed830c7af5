"""Each holder is a process of its own; what they do, and in which order, is in one file."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers import machine_lock
from tests.conftest import eventually

HOLDER = """
import os, sys
from pytest_modelbudget.workers import machine_lock
name, lock, user, umask = sys.argv[1:]
os.umask(int(umask))
os.setuid(int(user))
events = os.open("events", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def say(word):
    os.write(events, f"{name} {word}\\n".encode())
with getattr(machine_lock, lock)(lambda: say("waits")):
    say("holds")
    sys.stdin.readline()
    say("lets go")
"""


class Machine:
    """Processes that take the locks of a machine whose temporary directory is ``root``."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._root = root
        self._stack = stack
        self._holders: dict[str, subprocess.Popen[str]] = {}

    def events(self) -> list[str]:
        """Return what happened; a holder that waits twice, for each of the locks, waits."""
        file = self._root / "events"
        return list(dict.fromkeys(file.read_text().splitlines() if file.exists() else ()))

    def start(
        self, name: str, lock: str, until: str, user: int | None = None, umask: int = 0o022
    ) -> None:
        owner = os.getuid() if user is None else user
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, name, lock, str(owner), str(umask)],
            cwd=self._root,
            env={**os.environ, "TMPDIR": str(self._root)},
            stdin=subprocess.PIPE,
            text=True,
        )
        self._holders[name] = self._stack.enter_context(holder)
        self._stack.callback(holder.kill)
        self.expect(f"{name} {until}")

    def let_go(self, name: str) -> None:
        self._holders[name].communicate("\n")

    def kill(self, name: str) -> None:
        self._holders[name].kill()
        self._holders[name].wait()

    def expect(self, event: str) -> None:
        eventually(lambda: event in self.events())


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as stack:
        yield Machine(tmp_path, stack)


def test_shared_work_goes_on_together(machine: Machine) -> None:
    machine.start("a", "shared", until="holds")
    machine.start("b", "shared", until="holds")
    assert machine.events() == ["a holds", "b holds"]


@pytest.mark.parametrize(
    ("first", "second"), [("alone", "shared"), ("shared", "alone"), ("alone", "alone")]
)
def test_a_measurement_shares_the_machine_with_nobody(
    machine: Machine, first: str, second: str
) -> None:
    machine.start("a", first, until="holds")
    machine.start("b", second, until="waits")
    machine.let_go("a")
    machine.expect("b holds")
    assert machine.events() == ["a holds", "b waits", "a lets go", "b holds"]


@pytest.mark.parametrize(("first", "second"), [("alone", "shared"), ("shared", "alone")])
def test_who_is_killed_holds_nothing(machine: Machine, first: str, second: str) -> None:
    machine.start("a", first, until="holds")
    machine.start("b", second, until="waits")
    machine.kill("a")
    machine.expect("b holds")
    assert machine.events() == ["a holds", "b waits", "b holds"]


def test_a_measurement_that_waits_is_not_overtaken(machine: Machine) -> None:
    machine.start("build", "shared", until="holds")
    machine.start("latency", "alone", until="waits")
    machine.start("next", "shared", until="waits")
    machine.let_go("build")
    machine.expect("latency holds")
    machine.let_go("latency")
    machine.expect("next holds")
    assert machine.events() == [
        "build holds",
        "latency waits",
        "next waits",
        "build lets go",
        "latency holds",
        "latency lets go",
        "next holds",
    ]


def test_a_measurement_that_gives_up_waiting_stands_in_nobodys_way(machine: Machine) -> None:
    machine.start("build", "shared", until="holds")
    machine.start("latency", "alone", until="waits")
    machine.start("next", "shared", until="waits")
    machine.kill("latency")
    machine.expect("next holds")
    assert machine.events() == ["build holds", "latency waits", "next waits", "next holds"]


@pytest.fixture
def shared_machine() -> Iterator[Machine]:
    """Return a machine whose temporary directory several users share."""
    if os.getuid() != 0:
        pytest.skip("only root can start processes of several users")
    # Not below tmp_path, which only its owner can enter.
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        root.chmod(0o1777)
        if any(not parent.stat().st_mode & stat.S_IXOTH for parent in root.parents):
            pytest.skip(f"other users cannot enter {root.parent}")
        (root / "events").touch()
        (root / "events").chmod(0o666)
        yield Machine(root, stack)


def test_users_who_share_nothing_else_share_the_lock(shared_machine: Machine) -> None:
    shared_machine.start("a", "alone", until="holds", user=12345, umask=0o077)
    shared_machine.start("b", "alone", until="waits", user=23456, umask=0o077)
    shared_machine.let_go("a")
    shared_machine.expect("b holds")
    shared_machine.start("root", "shared", until="waits")
    shared_machine.let_go("b")
    shared_machine.expect("root holds")


def test_only_the_lock_files_are_left(machine: Machine, tmp_path: Path) -> None:
    machine.start("a", "alone", until="holds")
    machine.let_go("a")
    names = {file.name for file in tmp_path.iterdir()}
    locks = {"pytest-modelbudget-machine.lock", "pytest-modelbudget-turnstile.lock"}
    assert names == {*locks, "events"}


def test_a_lock_file_that_cannot_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with (
        pytest.raises(JobError) as raised,
        machine_lock.shared(lambda: pytest.fail("it waited")),
    ):
        pass
    path = tmp_path / "missing" / "pytest-modelbudget-machine.lock"
    assert str(raised.value) == (
        f"the lock file {path} cannot be opened: No such file or directory; "
        "delete it, or let every user read it; an empty file will do"
    )


def test_a_process_that_inherits_the_lock_does_not_hold_it_when_it_is_released(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with ExitStack() as stack:
        with machine_lock.alone(lambda: pytest.fail("it waited")):
            held = [int(file.name) for file in Path("/proc/self/fd").iterdir() if _is_lock(file)]
            assert len(held) == 2
            heir = stack.enter_context(subprocess.Popen(["sleep", "1000"], pass_fds=held))
            stack.callback(heir.kill)
        machine.start("a", "alone", until="holds")
        assert machine.events() == ["a holds"]


def _is_lock(descriptor: Path) -> bool:
    with suppress(FileNotFoundError):  # that of the folder which is read
        return descriptor.readlink().suffix == ".lock"
    return False

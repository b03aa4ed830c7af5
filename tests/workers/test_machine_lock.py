"""Each holder is a process of its own; what they do, and in which order, is in one file."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import eventually

HOLDER = """
import os, sys
from pytest_modelbudget.workers import machine_lock
name, lock = sys.argv[1:]
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

    def start(self, name: str, lock: str, until: str) -> None:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, name, lock],
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

"""A board behind a command, and a target of the user's own."""

import os
import signal
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.types import CommandTarget
from pytest_modelbudget.errors import JobError
from tests.conftest import eventually, shell_script
from tests.workers.flatbuffers import BLOBS
from tests.workers.measure.targets.conftest import Measure


def board(code: str) -> CommandTarget:
    return CommandTarget(command=(sys.executable, "-c", textwrap.dedent(code), "{model}"))


def test_seconds_come_back(measured: Measure) -> None:
    figures = measured(board("import sys; print(len(open(sys.argv[1], 'rb').read()) / 1e6)"))
    assert figures.latency_s == BLOBS.stat().st_size / 1e6
    assert figures.memory_bytes is None
    assert figures.how.startswith(f"answered by {sys.executable} -c import sys")


def test_more_may_come_back_and_only_standard_output_counts(measured: Measure) -> None:
    target = board(
        """
        import json, sys
        print("connecting ...", file=sys.stderr)
        answer = {"latency_s": 0.002, "p90_s": 0.003, "p99_s": 1}
        print(json.dumps(answer | {"memory_bytes": 2048, "size_bytes": 4096}))
        """
    )
    figures = measured(target)
    assert (figures.latency_s, figures.p90_s, figures.p99_s) == (0.002, 0.003, 1.0)
    assert (figures.memory_bytes, figures.size_bytes) == (2048, 4096)


def test_a_relative_program_is_looked_for_in_rootdir(measured: Measure, tmp_path: Path) -> None:
    shell_script(tmp_path / "run.sh", "echo 0.5")
    assert measured(CommandTarget(command=("./run.sh", "{model}"))).latency_s == 0.5


BAD = {
    "prints garbage": ("print('42 ms')", "did not write JSON to its standard output: 42 ms"),
    "prints nothing": ("", "did not write JSON to its standard output (no output)"),
    "prints a tower": (
        "print('[' * 100_000)",
        f"did not write JSON to its standard output: ...{'[' * 160}",
    ),
    "prints NaN": ("print('NaN')", "answered nan: latency_s: Input should be a finite number"),
    "prints infinity": ("print('1e999')", "answered inf: latency_s: "),
    "prints a negative": ("print(-1)", "answered -1: latency_s: Input should be greater than 0"),
    "prints zero": ("print('0')", "answered 0: latency_s: Input should be greater than 0"),
    "prints true": ("print('true')", "answered True: latency_s: Input should be a valid number"),
    "prints null": ("print('null')", "answered None: latency_s: Input should be a valid number"),
    "prints text": ("print('\"1\"')", "answered '1': latency_s: Input should be a valid number"),
    "prints a list": ("print([1])", "answered [1]: latency_s: Input should be a valid number"),
    "prints no latency": ("print('{}')", "answered {}: latency_s: Field required"),
    "has a key of its own": (
        """print('{"latency_s": 1, "ms": 2}')""",
        "answered {'latency_s': 1, 'ms': 2}: ms: Extra inputs are not permitted",
    ),
    "exits 1": (
        "import sys; print('half'); sys.exit('no\\nboard')",
        "exited with code 1: no board",
    ),
    "is killed": ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL (no output)"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_answer_is_said(measured: Measure, case: str) -> None:
    code, cause = BAD[case]
    with pytest.raises(JobError) as error:
        measured(board(code))
    assert error.value.cause.startswith(f"{sys.executable} {cause}")
    assert error.value.hint


def test_a_failure_names_the_command_that_repeats_it(measured: Measure) -> None:
    with pytest.raises(JobError) as error:
        measured(CommandTarget(command=("false", "it's", "{model}")))
    assert error.value.hint == f"""run it by hand: false 'it'"'"'s' {BLOBS}"""


@pytest.mark.parametrize("program", ["no-such-program", "./no-such-program", os.devnull])
def test_a_command_that_cannot_be_started(measured: Measure, program: str) -> None:
    with pytest.raises(JobError) as error:
        measured(CommandTarget(command=(program, "{model}")))
    assert error.value.cause.startswith(f"{program} cannot be started: ")


def test_a_command_that_never_returns_is_killed(measured: Measure, tmp_path: Path) -> None:
    script = f"echo $$ > '{tmp_path}/pid'; echo waiting for the board; exec sleep 1000"
    target = CommandTarget(command=("sh", "-c", script, "{model}"))
    with pytest.raises(JobError) as error:
        measured(target, timeout_s=0.3)
    cause = "sh did not end within 0.3 s: waiting for the board"
    assert error.value.cause == cause
    pid = (tmp_path / "pid").read_text().strip()
    eventually(lambda: not Path("/proc", pid).exists())


def test_what_a_command_leaves_running_is_not_waited_for(measured: Measure, tmp_path: Path) -> None:
    target = board(
        f"""
        import pathlib, subprocess
        left = subprocess.Popen(["sleep", "1000"])
        pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(left.pid))
        print(0.25)
        """
    )
    assert measured(target).latency_s == 0.25
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def answers(path: Path) -> dict[str, Any]:
    return {"latency_s": np.float32(path.stat().st_size / 1e6), "memory_bytes": np.int64(5)}


def answers_seconds(_path: Path) -> float:
    return 0.25


def forgets(_path: Path) -> None:
    """Return nothing."""


def raises(_path: Path) -> float:
    raise OSError("the port is busy")


def test_a_callable_of_the_users_gets_the_path(measured: Measure) -> None:
    figures = measured(f"{__name__}:answers")
    assert figures.latency_s == pytest.approx(BLOBS.stat().st_size / 1e6)
    assert figures.memory_bytes == 5
    assert figures.how == f"answered by {__name__}:answers"
    assert measured(f"{__name__}:answers_seconds").latency_s == 0.25


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("forgets", "answered None: latency_s: Input should be a valid number"),
        ("raises", "raised OSError: the port is busy (test_command.py:"),
        ("missing", f"module {__name__} has no missing"),
    ],
)
def test_a_callable_that_gives_no_figures(measured: Measure, name: str, cause: str) -> None:
    with pytest.raises(JobError) as error:
        measured(f"{__name__}:{name}")
    assert cause in error.value.cause

import os
import pty
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_modelbudget.engine.task_status import TaskStatus, status_text
from pytest_modelbudget.protocol.task import Event
from tests.conftest import Project
from tests.engine.test_task_status import Clock, report

SLOW = """
    import time
    import blobs
    def calibration():
        time.sleep({seconds})
        return blobs.calibration()
"""
LOOKS_S = 0.6  # pytest looks twice in it for what to show
# Below the cursor, on the whole line, without wrapping; the cursor returns to its place.
DRAWN = re.compile(
    re.escape("\x1bD\x1bM\x1b7\x1bD\r\x1b[K\x1b[?7l") + "(.*?)" + re.escape("\x1b[?7h\x1b8")
)


@pytest.fixture
def slow(blobs: Project) -> Project:
    blobs.write("slow.py", SLOW.format(seconds=LOOKS_S))
    blobs.write(
        "blobs.budget.yaml",
        """
        version: 1
        model: blobs.tflite
        data: {calibration: slow:calibration}
        variants:
          int8: {recipe: int8, budget: {max_bytes: 4 kB}}
        """,
    )
    return blobs


def at_a_terminal(project: Project, columns: int, *args: str) -> str:
    """Return all that pytest writes to a terminal of this width."""
    ours, theirs = pty.openpty()
    env = {"TERM": "xterm", "COLUMNS": str(columns)}
    with ThreadPoolExecutor() as executor:
        running = executor.submit(project.pytest, *args, env=env, terminal=theirs)
        running.add_done_callback(lambda _: os.close(theirs))
        return "".join(iter(lambda: read(ours), ""))


def read(terminal: int) -> str:
    try:
        return os.read(terminal, 65536).decode()
    except OSError:  # how Linux says that nobody has the other end open any more
        return ""


@pytest.mark.parametrize(
    ("columns", "args", "seconds", "expected"),
    [
        (40, (), LOOKS_S, "build 2/2: int8 quantize, quantizing ..."),
        (160, ("-v", "-s"), 1.5, "build 2/2: int8 quantize, quantizing to int8, 1 s"),
    ],
)
def test_a_terminal_shows_build_and_stage_on_a_whole_line_and_keeps_no_trace(
    slow: Project, columns: int, args: tuple[str, ...], seconds: float, expected: str
) -> None:
    slow.write("slow.py", SLOW.format(seconds=seconds))
    output = at_a_terminal(slow, columns, *args)
    assert "1 passed" in output
    drawn = DRAWN.findall(output)
    assert expected in drawn
    assert max(map(len, drawn)) <= columns
    for line in output.split("\r\n"):
        assert DRAWN.findall(line)[-1:] in ([], [""])
    assert "int8 quantize" not in DRAWN.sub("", output)


def test_an_xdist_worker_draws_nothing(slow: Project) -> None:
    output = at_a_terminal(slow, 160, "-n1")
    assert "1 passed" in output
    assert "int8 quantize" not in output
    assert "\x1b7" not in output


def test_a_log_file_with_colors_has_no_cursor_to_draw_at_and_no_line_so_soon(
    slow: Project,
) -> None:
    result = slow.pytest("--color=yes")
    result.has("1 passed")
    assert "int8 quantize" not in result.output, "nor a line before half a minute"
    assert "\x1b7" not in result.output


def test_without_a_terminal_there_is_a_line_every_half_minute(slow: Project) -> None:
    sooner = [
        "import pytest, sys",
        "from pytest_modelbudget.gate import progress",
        "progress.LINE_EVERY_S = 0.1",
        "sys.exit(pytest.main(['-p', 'no:cacheprovider', '-p', 'modelbudget']))",
    ]
    env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    result = slow.forked("-c", "\n".join(sooner), env=env)
    result.has("1 passed")
    lines = re.findall(r"^modelbudget: (.*)$", result.output, re.MULTILINE)
    assert any(
        re.fullmatch(r"build 2/2: int8 quantize, quantizing to int8.*", line) for line in lines
    ), lines
    assert "\x1b" not in result.output


def test_a_line_names_the_build_its_epoch_and_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr("pytest_modelbudget.engine.task_status.time", clock)
    status = TaskStatus("int8 prune", build=3)
    assert status_text(status, 12) == "build 3/12: int8 prune"
    status.update(Event(task="", happened="started"))
    for epoch, seconds in ((1, 70), (2, 60)):
        report(status, f"epoch {epoch}/5")
        clock.now_s += seconds
    report(status, "epoch 2/5, loss 0.31")
    line = "build 3/12: int8 prune, epoch 2/5, loss 0.31, 2 min, about 4 min of training left"
    assert status_text(status, 12) == line
    report(status, "writing the model")
    assert status_text(status, 12) == "build 3/12: int8 prune, writing the model, 2 min"
    assert status_text(TaskStatus("int8 evaluate"), 12) == "int8 evaluate"

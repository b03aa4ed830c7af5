import os
import pty
import re
import subprocess
import sys

import pytest

from tests.conftest import Project

SLOW = """
    import time
    import blobs
    def calibration():
        time.sleep(1.5)
        return blobs.calibration()
"""
SAVE, RESTORE, CLEAR = "\x1b7", "\x1b8", "\x1b[K"
IN_PLACE = re.compile(re.escape(SAVE + CLEAR) + "(.*?)" + re.escape(RESTORE))


@pytest.fixture
def slow(blobs: Project) -> Project:
    blobs.write("slow.py", SLOW)
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


def at_a_terminal(project: Project, *args: str) -> str:
    """Return all that pytest writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
    with subprocess.Popen(
        command, cwd=project.root, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ):
        os.close(theirs)
        return "".join(iter(lambda: read(ours), ""))


def read(terminal: int) -> str:
    try:
        return os.read(terminal, 65536).decode()
    except OSError:  # how Linux says that nobody has the other end open any more
        return ""


@pytest.mark.parametrize("args", [(), ("-v", "-s")])
def test_a_terminal_shows_variant_and_stage_and_keeps_no_trace(
    slow: Project, args: tuple[str, ...]
) -> None:
    output = at_a_terminal(slow, *args)
    assert "1 passed" in output
    shown = IN_PLACE.findall(output)
    assert any(re.fullmatch(r" int8 quantize, .*\b1 s", text) for text in shown), shown
    for line in output.split("\r\n"):
        assert [text.strip() for text in IN_PLACE.findall(line)][-1:] in ([], [""])
    assert "int8 quantize" not in IN_PLACE.sub("", output)


def test_without_a_terminal_nothing_is_said_for_half_a_minute(slow: Project) -> None:
    result = slow.pytest()
    result.has("1 passed")
    assert "int8 quantize" not in result.output
    assert "\x1b" not in result.output


def test_without_a_terminal_there_is_a_line_now_and_then(slow: Project) -> None:
    sooner = [
        "import pytest, sys",
        "from pytest_modelbudget.gate import progress",
        "progress.SPOKEN_EVERY_S = 0.5",
        "sys.exit(pytest.main(['-p', 'no:cacheprovider']))",
    ]
    result = slow.run("-c", "\n".join(sooner))
    result.has("1 passed")
    said = re.findall(r"^modelbudget: (.*)$", result.output, re.MULTILINE)
    assert any(re.fullmatch(r"int8 quantize, .*\b1 s", line) for line in said), said
    assert "\x1b" not in result.output

"""Runs the program of a target to its end, and says what went wrong."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_modelbudget.errors import JobError

_TAIL = 160  # characters of a program's last words


def run(command: Sequence[str], timeout_s: float, folder: Path | None = None) -> str:
    """Run ``command`` without a shell, and return its standard output.

    It stays in the worker's process group, so that whatever it leaves behind is killed with the
    worker. What it writes goes into the task's log too.

    Args:
        command: The program and its arguments.
        timeout_s: Seconds that it may take.
        folder: Where it runs; a relative program is looked for there.

    Raises:
        JobError: It cannot be started, failed, was killed, or did not end in time.
    """
    by_hand = f"by hand: {shlex.join(command)}"
    sys.stderr.write(f"$ {shlex.join(command)}\n")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except OSError as error:
        cause = f"{command[0]} cannot be started: {error.strerror}"
        raise JobError(cause, by_hand) from error
    except subprocess.TimeoutExpired as error:
        words = _logged(error.output, error.stderr)
        cause = f"{command[0]} did not end within {timeout_s:g} s{words}"
        raise JobError(cause, f"raise `timeout`, or see why it hangs; {by_hand}") from error
    words = _logged(done.stdout, done.stderr)
    if done.returncode:
        raise JobError(f"{command[0]} {_ended(done.returncode)}{words}", by_hand)
    return _text(done.stdout)


def last_words(output: str, errors: str = "") -> str:
    """Return ``: `` and the end of what a program wrote, in one line; errors first."""
    words = " ".join((errors.strip() or output.strip()).split())
    if not words:
        return ", and wrote nothing"
    return f": ...{words[-_TAIL:]}" if len(words) > _TAIL else f": {words}"


def _logged(output: bytes | None, errors: bytes | None) -> str:
    sys.stderr.write(f"{_text(output)}{_text(errors)}")
    return last_words(_text(output), _text(errors))


def _text(output: bytes | None) -> str:
    return (output or b"").decode(errors="replace")


def _ended(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with code {code}"

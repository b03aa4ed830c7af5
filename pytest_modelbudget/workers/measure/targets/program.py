"""Runs the program of a target, and turns its failure into a JobError."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_modelbudget.errors import JobError

_TAIL = 160  # characters of the output in a message


def run(command: Sequence[str], timeout_s: float, folder: Path | None = None) -> str:
    """Run ``command`` without a shell, and return its standard output.

    The program stays in the worker's process group, so processes that it leaves running are
    killed with the worker. Its output is also written to the task's log.

    Args:
        command: The program and its arguments.
        timeout_s: Time limit in seconds.
        folder: The working directory; a relative path of the program starts there.

    Raises:
        JobError: If the program cannot be started, fails, is killed, or does not end in time.
    """
    by_hand = f"run it by hand: {shlex.join(command)}"
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
        tail = _logged(error.output, error.stderr)
        cause = f"{command[0]} did not end within {timeout_s:g} s{tail}"
        raise JobError(cause, f"raise `timeout`, or find out why it hangs; {by_hand}") from error
    tail = _logged(done.stdout, done.stderr)
    if done.returncode:
        raise JobError(f"{command[0]} {_ended(done.returncode)}{tail}", by_hand)
    return _text(done.stdout)


def output_tail(output: str, errors: str = "") -> str:
    """Return the end of a program's output as one line, to append to a message.

    Args:
        output: Its standard output.
        errors: Its standard error, which takes precedence if it is not empty.
    """
    line = " ".join((errors.strip() or output.strip()).split())
    if not line:
        return " (no output)"
    return f": ...{line[-_TAIL:]}" if len(line) > _TAIL else f": {line}"


def _logged(output: bytes | None, errors: bytes | None) -> str:
    sys.stderr.write(f"{_text(output)}{_text(errors)}")
    return output_tail(_text(output), _text(errors))


def _text(output: bytes | None) -> str:
    return (output or b"").decode(errors="replace")


def _ended(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with code {code}"

"""Runs the program of a target, and turns its failure into a JobError."""

import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from pytest_modelbudget.errors import JobError

_TAIL = 160  # characters of the output in a message


def run(
    command: Sequence[str],
    timeout_s: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run ``command`` without a shell, and return its standard output.

    Processes that it leaves running end with the worker. Its output is also written to the task's
    log.

    Args:
        command: The program and its arguments.
        timeout_s: Time limit in seconds.
        folder: The working directory; a relative path of the program starts there.
        environment: All its environment variables; None for those of this process.

    Raises:
        JobError: If the program cannot be started, fails, is killed, or does not end in time.
    """
    by_hand = f"run it by hand: {shlex.join(command)}"
    sys.stderr.write(f"$ {shlex.join(command)}\n")
    # Not pipes: a process that the program leaves running can hold them open.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                timeout=timeout_s,
                check=False,
            )
        except OSError as error:
            cause = f"{command[0]} cannot be started: {error.strerror}"
            raise JobError(cause, by_hand) from error
        except subprocess.TimeoutExpired as error:
            _, tail = _logged(output, errors)
            cause = f"{command[0]} did not end within {timeout_s:g} s{tail}"
            hint = f"raise `timeout`, or find out why it hangs; {by_hand}"
            raise JobError(cause, hint) from error
        answer, tail = _logged(output, errors)
    if done.returncode:
        raise JobError(f"{command[0]} {_ended(done.returncode)}{tail}", by_hand)
    return answer


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


def _logged(output: IO[bytes], errors: IO[bytes]) -> tuple[str, str]:
    """Write both streams to the log; return the standard output, and what a message quotes."""
    texts = []
    for stream in (output, errors):
        stream.seek(0)
        texts.append(stream.read().decode(errors="replace"))
    sys.stderr.write("".join(texts))
    return texts[0], output_tail(*texts)


def _ended(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with code {code}"

"""The log of a task, limited in size while it is written: its head and its tail are kept."""

import os
from contextlib import suppress
from pathlib import Path

HEAD_BYTES = 2**20
TAIL_BYTES = 2**20
MAX_LINE = 4096  # of a line that is left out as a whole


class CappedLog:
    """A new log file that is at most about ``HEAD_BYTES + 2 * TAIL_BYTES`` long.

    Args:
        path: Where the file is; an older one is overwritten.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._tail_at = HEAD_BYTES
        self._left_out = 0

    def write(self, output: bytes) -> None:
        """Append ``output``, and shorten the middle of the file if it is too long now.

        What does not fit on a full disk is left out without an error: the task continues, and
        reports a full disk itself if it needs the space.
        """
        with suppress(OSError):
            self._file.write(output)
            if self._file.tell() > self._tail_at + 2 * TAIL_BYTES:
                self._shorten()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _shorten(self) -> None:
        end = self._file.tell()
        tail = os.pread(self._file.fileno(), TAIL_BYTES, end - TAIL_BYTES)
        tail = tail[tail.find(b"\n", 0, MAX_LINE) + 1 :]  # begins with a whole line
        self._left_out += end - self._tail_at - len(tail)
        notice = f"\n... {self._left_out:,} bytes of the log are left out here ...\n".encode()
        self._file.seek(HEAD_BYTES)
        self._file.write(notice + tail)
        self._file.truncate()
        self._tail_at = HEAD_BYTES + len(notice)

"""Disks and file systems that are full, in the cache, the temporary folder and the reports."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.faults.lab import CACHE, read_session, wait
from benchmarks.faults.trial import Bench, Outcome, Trial

KIBIBYTES = (*range(4, 64, 4), *range(64, 256, 16))
INODES = (*range(2, 40, 2), *range(40, 80, 5))
FILE_BYTES = (1, 100, 200, 400, 800, 1200, 1600, 2000, 3000, 3700, 4000, 5000, 6200, 8000, 16000)
FOLDERS = {"the cache": CACHE, "the temporary folder": "temporary", "the artifacts": "clean-passed"}


def trials() -> Iterator[Trial]:
    """Yield each size, as far as file systems can be mounted here."""
    for most in FILE_BYTES:
        yield Trial("no file may be larger", f"{most} bytes", partial(limit_files, most_bytes=most))
    if not can_mount():
        return
    for kibibytes in KIBIBYTES:
        run = partial(fill, where="the cache", options=f"size={kibibytes}k")
        yield Trial("full disk: the cache", f"{kibibytes} KiB", run)
    for inodes in INODES:
        run = partial(fill, where="the cache", options=f"nr_inodes={inodes}")
        yield Trial("full inodes: the cache", f"{inodes} inodes", run)
    for where in ("the temporary folder", "the artifacts"):
        for option in ("size=4k", "size=8k", "nr_inodes=2", "nr_inodes=3", "ro"):
            yield Trial(f"full disk: {where}", option, partial(fill, where=where, options=option))
    yield Trial("full disk: the cache", "read-only", partial(fill, where="the cache", options="ro"))


def can_mount() -> bool:
    """Tell whether this user may mount file systems."""
    words = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/tmp"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def fill(bench: Bench, where: str, options: str) -> Outcome:
    """Run a session with a small file system in one place, and a clean one with a large one."""
    project = bench.cold()
    folder = project / FOLDERS[where]
    folder.mkdir(exist_ok=True)
    with _mounted(folder, options):
        session = bench.lab.run(project, forget=False)
        subprocess.run(["mount", "-o", "remount,rw,size=64m,nr_inodes=10000", folder], check=True)
        return bench.judge(project, session)


def limit_files(bench: Bench, most_bytes: int) -> Outcome:
    """Run a session in which no file may be larger than ``most_bytes``."""
    project = bench.cold()
    code = wait(bench.lab.start(project, most_bytes=str(most_bytes)), project)
    return bench.judge(project, read_session(project, code, "faulty"))


@contextmanager
def _mounted(folder: Path, options: str) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)

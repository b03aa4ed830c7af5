"""A small gate with green and red limits, sessions of it, and what they must give."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.alarm import HangError, at_most
from pytest_modelbudget.protocol.digests import file_digest
from tests.zygote import Zygotes

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "tests" / "models"
CACHE = ".modelbudget"
GUARD_S = 180.0  # far more than a session of this gate takes: one that takes longer hangs
# Of one run, not of its result.
VARYING = {"artifact", "built", "seconds"}

DATA = """\
import sys
import blobs

def test():
    sys.audit("faults.evaluating")
    return blobs.test()

def calibration():
    sys.audit("faults.building")
    return blobs.calibration()
"""
BUDGET = """\
version: 1
model: blobs.tflite
data: {test: data:test, calibration: data:calibration}
timeout: 15 s
variants:
  float32:
    budget: {max_bytes: 6300, min_accuracy: 0.96}
  int8:
    recipe: int8
    budget: {max_bytes: 4 kB, max_accuracy_drop: 1 pp, max_unique_weights: 255, max_memory: 1 kB}
  large:
    recipe: int8
    budget: {max_bytes: 3 kB, max_accuracy_drop: 1 pp}
  inaccurate:
    budget: {min_accuracy: 0.99, max_bytes: 6300}
"""

Rows = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Session:
    """What one session of pytest has left.

    Attributes:
        exitcode: Negative if a signal ended pytest; None if the session hung and was killed.
        output: What pytest wrote to the terminal.
        rows: What the JUnit file says of each limit; empty if there is none.
        shipped: The SHA-256 of each artifact that was copied.
    """

    exitcode: int | None
    output: str
    rows: Rows
    shipped: Mapping[str, str]

    @property
    def hung(self) -> bool:
        """Whether the session did not end by itself."""
        return self.exitcode is None

    def is_identical(self, reference: "Session") -> bool:
        """Tell whether the results are those of ``reference``, byte for byte."""
        return (self.exitcode, self.rows, self.shipped) == (
            reference.exitcode,
            reference.rows,
            reference.shipped,
        )

    def wrong_greens(self, reference: "Session") -> list[str]:
        """Return what is green here and is not the same in ``reference``."""
        wrong = [
            name
            for name, row in self.rows.items()
            if row.get("outcome") == "within" and row != reference.rows.get(name)
        ]
        wrong += [
            name for name, sha256 in self.shipped.items() if reference.shipped.get(name) != sha256
        ]
        red = [name for name, row in reference.rows.items() if row["outcome"] != "within"]
        lines = self.output.splitlines()
        wrong += [name for name in red if any(line.startswith(f"{name} PASSED") for line in lines)]
        return wrong + (["exit code 0"] if self.exitcode == 0 else [])


class Lab:
    """A folder of projects, and the sessions that run in them.

    Args:
        root: The folder.
        zygotes: Fork the sessions without a fault.
        forked: Whether they also fork those with a fault, where the fault allows that.
    """

    def __init__(self, root: Path, zygotes: Zygotes, *, forked: bool = False) -> None:
        self.root = root
        self._zygotes = zygotes
        self._forked = forked

    def project(self, name: str) -> Path:
        """Return a new project without a cache."""
        project = self.root / name
        project.mkdir(parents=True)
        for model in ("blobs.py", "blobs.tflite"):
            shutil.copy(MODELS / model, project)
        (project / "data.py").write_text(DATA)
        (project / "pytest.ini").write_text("[pytest]\n")
        (project / "blobs.budget.yaml").write_text(BUDGET)
        return project

    def run(self, project: Path, *, forget: bool = True) -> Session:
        """Run one session to its end, in processes that are forked from others (``tests.zygote``).

        Args:
            project: From ``project``.
            forget: Whether reports of an earlier session are removed before.
        """
        if forget:
            _forget_reports(project, "clean")
        with (project / "clean.txt").open("w") as file, open(os.devnull) as nothing:
            streams = (nothing.fileno(), file.fileno(), file.fileno())
            words, environment = _words("clean"), _environment(project)
            try:
                with at_most(GUARD_S):
                    code: int | None = self._zygotes.run(words, str(project), environment, streams)
            except HangError:
                code = None
                end_processes(project)
        return read_session(project, code, "clean")

    def start(
        self,
        project: Path,
        name: str = "faulty",
        hold: str = "",
        most_bytes: str = "",
        *,
        own_processes: bool = False,
    ) -> "subprocess.Popen[bytes]":
        """Start a session, in processes of its own if one of them is held.

        Args:
            project: From ``project``.
            name: Names its output and its reports.
            hold: The phase at which its first process waits; see ``hold/sitecustomize.py``.
            most_bytes: Of any file that it writes.
            own_processes: Whether it must not be forked: the start of a fork server that is forked
                cannot be held.
        """
        _forget_reports(project, name)
        path = [str(Path(__file__).parent / "hold"), os.environ.get("PYTHONPATH", "")]
        own = {
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "FAULTS_HOLD": str(project / "held"),
            "FAULTS_PHASE": hold,
            "FAULTS_MOST_BYTES": most_bytes,
        }
        if hold:
            (project / "held" / "hold").mkdir(parents=True)
        is_own = own_processes or (bool(hold) and not self._forked)
        with (project / f"{name}.txt").open("w") as file:
            return subprocess.Popen(
                [sys.executable if is_own else self._zygotes.interpreter(), *_words(name)],
                cwd=project,
                env=_environment(project) | own,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )


def read_session(project: Path, code: int | None, name: str) -> Session:
    """Return what a session that has ended left in ``project``."""
    shipped = project / f"{name}-passed"
    return Session(
        exitcode=code,
        output=(project / f"{name}.txt").read_text(errors="replace"),
        rows=_rows(project / f"{name}.xml"),
        shipped={
            str(file.relative_to(shipped)): file_digest(file)
            for file in sorted(shipped.rglob("*.tflite"))
        },
    )


def wait(process: "subprocess.Popen[bytes]", project: Path, guard_s: float = GUARD_S) -> int | None:
    """Return the exit code of a session, or None if it hung and was killed."""
    try:
        return process.wait(guard_s)
    except subprocess.TimeoutExpired:
        end_processes(project)
        process.wait()
        return None


def processes(project: Path) -> list[int]:
    """Return the processes of the sessions of ``project``."""
    mark = f"FAULTS_PROJECT={project}\0".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_dead = b") Z " in (folder / "stat").read_bytes()
            # A process that is forked shows the environment of its zygote.
            is_in = (folder / "cwd").readlink() == project
            if not is_dead and (is_in or mark in (folder / "environ").read_bytes()):
                found.append(int(folder.name))
        except OSError:  # It has ended, or belongs to another user.
            continue
    return found


def end_processes(project: Path) -> None:
    """Kill the processes of the sessions of ``project``."""
    for process in processes(project):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _words(name: str) -> list[str]:
    plugins = ["-p", "no:cacheprovider", "-p", "modelbudget"]
    reports = [f"--junitxml={name}.xml", f"--budget-artifacts={name}-passed"]
    return ["-m", "pytest", "-v", *plugins, *reports]


def _environment(project: Path) -> dict[str, str]:
    own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "120", "CI": "true"}
    # Its own temporary folder has the machine-wide lock: other sessions are not waited for.
    folder = project / "temporary"
    folder.mkdir(exist_ok=True)
    return os.environ | own | {"FAULTS_PROJECT": str(project), "TMPDIR": str(folder)}


def _forget_reports(project: Path, name: str) -> None:
    (project / f"{name}.xml").unlink(missing_ok=True)
    shutil.rmtree(project / f"{name}-passed", ignore_errors=True)


def _rows(junit: Path) -> Rows:
    try:
        cases = list(ElementTree.parse(junit).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return {}
    rows = {}
    for case in cases:
        found = {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
        if "outcome" in found:
            name = "::".join([found["budget"], found["variant"], found["name"]])
            rows[name] = {key: found[key] for key in found if key not in VARYING}
    return rows

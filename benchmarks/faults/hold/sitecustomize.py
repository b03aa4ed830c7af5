"""Holds the first process that reaches a phase, so that a fault meets it there.

Python imports this file at its start. ``FAULTS_HOLD`` names a folder and ``FAULTS_PHASE`` a phase.
The process waits as long as the folder contains ``hold``, and the link ``held`` names it.
"""

import os
import resource
import sys
import time

FOLDER, PHASE = os.environ.get("FAULTS_HOLD", ""), os.environ.get("FAULTS_PHASE", "")
WRITES = os.O_WRONLY | os.O_RDWR


def _hold(phase: str) -> None:
    if phase != PHASE or os.path.lexists(f"{FOLDER}/held"):
        return
    try:
        os.symlink(str(os.getpid()), f"{FOLDER}/held")
    except FileExistsError:
        return
    while os.path.exists(f"{FOLDER}/hold"):
        time.sleep(0.01)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith("faults."):  # raised by the data module of the project
        _hold(event.removeprefix("faults."))
    elif event == "os.rename":
        _hold_at_rename(str(arguments[0]), str(arguments[1]))
    elif event == "open" and isinstance(arguments[2], int):
        _hold_at_open(str(arguments[0]), bool(arguments[2] & WRITES))


def _hold_at_rename(source: str, target: str) -> None:
    if "/staging/" in source:
        _hold("moving the entry")
    if "-passed/" in target:
        _hold("renaming an artifact")


def _hold_at_open(path: str, writes: bool) -> None:
    if not writes:
        if path.endswith(".budget.yaml"):
            _hold("collecting")
        return
    if "/staging/" in path:
        _hold(f"writing {os.path.basename(path)}")
    if "-passed/" in path:
        _hold("copying an artifact")
    if path.endswith("faulty.xml"):
        _hold("reporting")


if most_bytes := os.environ.get("FAULTS_MOST_BYTES"):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), int(most_bytes)))
if PHASE:
    sys.addaudithook(_audit)
    if any(word.endswith(".fork_server") for word in sys.orig_argv):
        _hold("starting a fork server")

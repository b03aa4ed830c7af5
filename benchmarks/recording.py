"""What it costs to record what results are made from, and to compare it in the next session.

Run ``python -m benchmarks.recording``; it takes about four minutes. The CPU time of the functions
that record and compare is counted in their own threads, in all processes: it is a few hundredths
of that of a session, which differs by more than that from one session to the next.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.pairs import spread

ROOT = Path(__file__).parents[1]
GATE = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "counting", "budgets")
LIMITS = ("-k", "not latency")
WARM_RUNS = 10
COUNTING = """
import functools, json, os, sys, threading, time
from importlib.machinery import PathFinder

state = threading.local()
counted = {"pid": 0, "recorded_s": 0.0, "compared_s": 0.0}

def write():
    line = json.dumps(counted | {"process_s": time.process_time()})
    with open(os.environ["COUNTED"], "a") as file:
        file.write(line + "\\n")

def count(owner, name, what, ends=False):
    original = getattr(owner, name)

    @functools.wraps(original)
    def call(*args, **options):
        if counted["pid"] != os.getpid():  # a fork has a CPU time of its own
            counted.update(pid=os.getpid(), recorded_s=0.0, compared_s=0.0)
        if getattr(state, "is_inside", False):
            return original(*args, **options)
        state.is_inside = True
        start = time.thread_time()
        try:
            return original(*args, **options)
        finally:
            counted[what] += time.thread_time() - start
            state.is_inside = False
            if ends:
                write()

    setattr(owner, name, call)

def hooks(module):
    for name in ("_install", "_hook", "is_for_the_user"):
        count(module, name, "recorded_s")

def recording(module):
    for name in [each for each in vars(module.Recording) if each.startswith("note_")]:
        count(module.Recording, name, "recorded_s")
    count(module.Recording, "dependencies", "recorded_s", ends=True)

CHANGES = {
    "pytest_modelbudget.workers.userdata.hooks": hooks,
    "pytest_modelbudget.workers.userdata.recording": recording,
}

class Finder:
    def find_spec(self, name, path, target=None):
        if name not in CHANGES:
            return None
        spec = PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module
        def exec_module(module):
            execute(module)
            CHANGES[name](module)
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
"""
# The imports of plugins of pytest are its own, so that no finder comes before.
COUNTING_PLUGIN = """
import atexit
from sitecustomize import count, write
from pytest_modelbudget.protocol.store import Dependencies
from pytest_modelbudget.protocol.surroundings import Surroundings

count(Dependencies, "model_validate_json", "compared_s")
count(Surroundings, "first_change", "compared_s")
atexit.register(write)
"""


def main() -> None:
    """Print what recording takes of the tasks of a gate, and what comparing takes of a warm run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Its frames must not be taken for those of the user's code.
        as_ours = str(ROOT / "pytest_modelbudget" / "counting.py")
        start = f"exec(compile({COUNTING!r}, {as_ours!r}, 'exec'))\n"
        (folder / "sitecustomize.py").write_text(start)
        (folder / "counting.py").write_text(COUNTING_PLUGIN)
        tasks = [each for each in counted(folder) if each["recorded_s"]]
        recorded, whole = ([each[key] for each in tasks] for key in ("recorded_s", "process_s"))
        shares = [own / of for own, of in zip(recorded, whole, strict=True)]
        print(f"{len(tasks)} tasks of the gate, from an empty cache")
        print("  CPU time of the tasks", f"{sum(whole):.3g} s; of a task", spread(whole, " s"))
        print("  of it recording", f"{sum(recorded) / sum(whole):.2%};", spread(recorded, " s"))
        print("  of each task", spread(shares, " %", 100))
        warm = [counted(folder) for _ in range(WARM_RUNS)]
        print(f"{WARM_RUNS} times the same, everything cached")
        compared = [sum(each["compared_s"] for each in run) for run in warm]
        print("  comparing", spread(compared, " ms", 1000), "of CPU time")


def counted(folder: Path) -> Sequence[dict[str, Any]]:
    """Run the gate of the example project, and return what each of its processes counted."""
    log = folder / "counted.jsonl"
    log.unlink(missing_ok=True)
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {"PYTHONPATH": path, "COUNTED": str(log)}
    command = [sys.executable, *GATE, *LIMITS, f"--budget-cache={folder / 'cache'}"]
    subprocess.run(command, cwd=ROOT, env=env, stdout=sys.stderr, check=True)
    return [json.loads(line) for line in log.read_text().splitlines()]


if __name__ == "__main__":
    main()

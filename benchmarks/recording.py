"""What it costs to record what results are made from, and to compare it in the next session.

Run ``python -m benchmarks.recording``; it takes about ten minutes. "Without" is the same code with
the recording, or the comparison, switched off in all its processes. All times are CPU times of all
processes, which other work on the machine changes least.
"""

import os
import sys
import tempfile
import textwrap
from pathlib import Path

from benchmarks.pairs import Pairs, cpu_s, run_pairs, spread

ROOT = Path(__file__).parents[1]
LIMITS = ["-k", "not latency"]
SWITCH_OFF = """
import sys
from contextlib import nullcontext
from importlib.machinery import PathFinder

def nothing_noted(module):
    module.recorded_by = nullcontext

def nothing_recorded(module):
    module.Recording.dependencies = lambda self: module.Dependencies()

def nothing_compared(module):
    module.Surroundings.first_change = lambda self, dependencies: ""

CHANGES = {
    "pytest_modelbudget.workers.userdata.hooks": nothing_noted,
    "pytest_modelbudget.workers.userdata.recording": nothing_recorded,
    "pytest_modelbudget.protocol.surroundings": nothing_compared,
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


def main() -> None:
    """Print both comparisons."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sitecustomize.py").write_text(textwrap.dedent(SWITCH_OFF))
        cold = pairs(folder, "cold", ["--budget-rebuild"], count=3)
        warm = pairs(folder, "warm", [], count=20)
        print("all limits but the latencies, everything built, with recording and without")
        report(cold)
        print("the same, everything cached, with the comparison and without")
        report(warm)


def pairs(folder: Path, cache: str, options: list[str], count: int) -> Pairs:
    """Run the gate of the example project as it is, and with nothing recorded or compared."""

    def command(path: str, of: str) -> list[str]:
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "budgets"]
        words += [*LIMITS, *options, f"--budget-cache={folder / f'{cache}-{of}'}"]
        return ["env", f"PYTHONPATH={path}", *words]

    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with_it = command(path, "with")
    without = command(os.pathsep.join([str(folder), path]), "without")
    return run_pairs(with_it, without, ROOT, count, clock=cpu_s)


def report(found: Pairs) -> None:
    """Print the seconds of both, and how much longer it took with it, pair by pair."""
    print("  with   ", spread(found.ours_s, " s"))
    print("  without", spread(found.theirs_s, " s"))
    more = spread(found.differences_s, " ms", 1000), spread(found.shares_more, " %", 100)
    print("  more   ", *more)


if __name__ == "__main__":
    main()

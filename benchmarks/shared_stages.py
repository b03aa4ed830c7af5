"""Five recipes that begin with the same pruning: one gate against five scripts by hand.

Run ``python -m benchmarks.shared_stages``; it takes about ten minutes. It exits 1 if the gate
trained the common stage more than once.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.gated import ROOT
from benchmarks.pairs import Pairs, spread
from pytest_modelbudget.budgetfile.load import load

BUDGET = ROOT / "benchmarks" / "budgets" / "shared_stages.budget.yaml"
TRAINED = 2  # the pruning that is common to all, and the clustering after it
BY_HAND = 7  # five times the pruning, twice the clustering


def main() -> int:
    """Print both times, and how often each stage was trained."""
    # Before the clock runs: both begin with the trained model.
    run([[sys.executable, "-c", "from benchmarks.reference.model import trained; trained()"]])
    budgets = load(BUDGET)
    scripts = [[sys.executable, "-m", "benchmarks.tutorial", str(each.variant)] for each in budgets]
    with tempfile.TemporaryDirectory() as cache:
        gate = [sys.executable, "-m", "pytest", str(BUDGET), "-q", f"--budget-cache={cache}"]
        times = Pairs((run([gate]),), (run(scripts),))
        trained = len(list(Path(cache).glob("entries/*/*/model.keras")))
    print(f"{len(budgets)} recipes that begin with the same pruning, cold")
    print("  one gate      ", spread(times.ours_s, " s"))
    print("  five scripts  ", spread(times.theirs_s, " s"))
    print("  times faster  ", spread(times.ratios))
    print(f"  the gate pruned and clustered {trained} times, the scripts {BY_HAND} times")
    return int(trained != TRAINED)


def run(commands: Iterable[Sequence[str]]) -> float:
    """Run commands one after the other, and return the wall seconds of all."""
    started = time.perf_counter()
    for command in commands:
        subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())

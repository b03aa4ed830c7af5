"""The example project's gate, cold and warm, against the script by hand; nothing trains in it.

Run ``python -m benchmarks.gate``; it takes about five minutes.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.pairs import run_pairs, spread

ROOT = Path(__file__).parents[1]
# Those that train nothing: what the script by hand does too.
BUDGETS = [f"budgets/{name}.budget.yaml" for name in ("digits_cnn", "mobilenet", "autoencoder")]


def main() -> None:
    """Print both comparisons."""
    with tempfile.TemporaryDirectory() as name:
        cache, output = Path(name, "cache"), Path(name, "byhand")
        gate = [sys.executable, "-m", "pytest", *BUDGETS, "-q", f"--budget-cache={cache}"]
        script = [sys.executable, "-m", "benchmarks.handmade", str(output)]

        def forget() -> None:
            shutil.rmtree(cache, ignore_errors=True)

        cold = run_pairs(gate, script, ROOT, count=2, before=forget)
        print("pytest budgets, cold, against the script by hand")
        print("  pytest budgets ", spread(cold.ours_s, " s"))
        print("  script         ", spread(cold.theirs_s, " s"))
        print("  times faster   ", spread(cold.ratios))

        warm = run_pairs(gate, script, ROOT, count=2)
        print("pytest budgets again, nothing changed, against the script by hand")
        print("  pytest budgets ", spread(warm.ours_s, " s"))
        print("  script         ", spread(warm.theirs_s, " s"))
        print("  times faster   ", spread(warm.ratios))

        unhurried = run_pairs([*gate, "-k", "not latency"], script, ROOT, count=2)
        print("the same without the three latencies, which are measured anew every time")
        print("  pytest budgets ", spread(unhurried.ours_s, " s"))
        print("  script         ", spread(unhurried.theirs_s, " s"))
        print("  times faster   ", spread(unhurried.ratios))


if __name__ == "__main__":
    main()

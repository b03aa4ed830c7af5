"""Runs the gate of the reference case, and prints its table.

Run ``python -m benchmarks.reference``; the first time takes about ten minutes. More arguments go
to pytest: with ``--budget-rebuild`` all is trained anew, so that all times are those of one run.
"""

import subprocess
import sys
from pathlib import Path

from benchmarks.gated import Variant, print_table, run_gate

BUDGET = Path(__file__).with_name("tutorial_cnn.budget.yaml")
HEAD = ("variant", "bytes", "smaller", "gzip bytes", "smaller", "accuracy", "latency", "built in")


def main() -> int:
    """Print what each recipe gave, and return pytest's exit code."""
    # Before the gate, so that it is not counted as a part of the first variant that needs it.
    train = [sys.executable, "-c", "from benchmarks.reference.model import trained; trained()"]
    subprocess.run(train, check=True, stderr=subprocess.DEVNULL)
    gated = run_gate(BUDGET, sys.argv[1:])
    whole = gated.variants[0].measured["max_bytes"]
    print_table(HEAD, [_row(variant, whole) for variant in gated.variants])
    return gated.exitcode


def _row(variant: Variant, whole_bytes: float) -> list[str]:
    measured = variant.measured
    size, gzipped = measured["max_bytes"], measured["max_gzip_bytes"]
    return [
        f"`{variant.name}`",
        f"{size:,.0f}",
        f"{whole_bytes / size:.3g}x",
        f"{gzipped:,.0f}",
        f"{whole_bytes / gzipped:.3g}x",
        f"{measured['min_accuracy']:.4f}",
        f"{measured['max_latency'] * 1e3:.3g} ms",
        f"{variant.chain_s:.3g} s",
    ]


if __name__ == "__main__":
    sys.exit(main())

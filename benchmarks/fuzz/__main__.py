"""Fuzz a reader: ``python -m benchmarks.fuzz budgets --count 100000``.

The cases of a seed are always the same. A table says what became of them, and below it is one case
of each kind of traceback; ``--case N`` repeats one.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Protocol

from benchmarks.fuzz.cases import Tally

REPORT_EVERY = 1000


class Fuzzed(Protocol):
    """One kind of input."""

    tally: Tally

    def run(self, case: int) -> None:
        """Run one case and count what became of it."""


def main() -> None:
    """Run the cases of one kind, and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("budgets", "tflite", "answers", "stored", "sessions"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="run this case alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        # What the programs of targets write to the log of their task.
        os.dup2(os.open(Path(name, "log.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        folder = Path(name, "cases")
        folder.mkdir()
        fuzzed = _kind(options.kind, folder, options.seed)
        for case in range(options.count) if options.case is None else [options.case]:
            fuzzed.run(case)
            if case % REPORT_EVERY == REPORT_EVERY - 1:
                print(case + 1, dict(fuzzed.tally.counts), flush=True)
    fuzzed.tally.print(options.kind)
    sys.exit(1 if fuzzed.tally.failures else 0)


def _kind(kind: str, folder: Path, seed: int) -> Fuzzed:
    """Return the cases of a kind, whose libraries alone are imported."""
    if kind == "budgets":
        from benchmarks.fuzz.budgets import Budgets

        return Budgets(folder, seed)
    if kind == "answers":
        from benchmarks.fuzz.answers import Answers

        return Answers(folder, seed)
    if kind == "stored":
        from benchmarks.fuzz.stored import Stored

        return Stored(folder, seed)
    if kind == "sessions":
        from benchmarks.fuzz.sessions import Sessions

        return Sessions(folder, seed)
    from benchmarks.fuzz.tflite import Tflite

    return Tflite(folder, seed)


if __name__ == "__main__":
    main()
